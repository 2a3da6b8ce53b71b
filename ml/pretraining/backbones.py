"""Backbones: torchvision's ResNets with a stem that fits small pictures, or any of timm's networks by name."""

from __future__ import annotations

import importlib

import torchvision
from torch import nn

from ml.pretraining.recipe import BadRecipe, Network

RESNETS = ("resnet18", "resnet34", "resnet50")

_TIMM = "timm/"


def make_backbone(network: Network) -> tuple[nn.Module, int]:
    """Return a network of random weights that maps (n, 3, height, width) to (n, dimension), and the dimension.

    Its parameters bear torchvision's names (timm's for timm's networks), without those of a classifier. Raises
    BadRecipe if there is no such architecture.
    """
    if network.architecture.startswith(_TIMM):
        return _timm(network)
    if network.architecture not in RESNETS:
        raise BadRecipe(
            f"There is no architecture {network.architecture}. There are {', '.join(RESNETS)}, "
            f"and with the extra `timm` those of timm, by names such as {_TIMM}convnext_atto."
        )
    # Not `zero_init_residual`: the published runs that the recipes follow start from torchvision's plain weights.
    resnet = torchvision.models.get_model(network.architecture, weights=None)
    dimension = int(resnet.fc.in_features)
    resnet.fc = nn.Identity()
    if network.stem != "stock":
        resnet.conv1 = nn.Conv2d(3, resnet.conv1.out_channels, kernel_size=3, stride=1, padding=1, bias=False)
        nn.init.kaiming_normal_(resnet.conv1.weight, mode="fan_out", nonlinearity="relu")
    if network.stem == "small":
        resnet.maxpool = nn.Identity()
    return resnet, dimension


def _timm(network: Network) -> tuple[nn.Module, int]:
    name = network.architecture.removeprefix(_TIMM)
    try:
        timm = importlib.import_module("timm")
    except ImportError as error:
        raise BadRecipe(f"The architecture {network.architecture} needs timm: pip install winnow[timm]") from error
    if not timm.is_model(name):
        raise BadRecipe(f"timm has no model {name}; python -c 'import timm; print(timm.list_models())' lists them.")
    if network.stem != "stock":
        raise BadRecipe(f"The stem {network.stem} is for ResNets; {network.architecture} has its own: say stock.")
    # Transformers are made for one size of picture unless told that it will differ.
    settings = timm.get_pretrained_cfg(name, allow_unregistered=True)
    sizes = {"dynamic_img_size": True} if settings is not None and settings.fixed_input_size else {}
    try:
        backbone = timm.create_model(name, pretrained=False, num_classes=0, **sizes)
    except TypeError as error:
        raise BadRecipe(f"timm's {name} takes pictures of one size only, which need not be the recipe's.") from error
    return backbone, int(backbone.head_hidden_size)
