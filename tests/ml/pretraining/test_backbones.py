"""Backbones: their shapes, their names, and what is said of those that are not there."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from ml.pretraining.recipe import BadRecipe, Network

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from torchvision.models import get_model  # noqa: E402

from ml.pretraining.backbones import RESNETS, make_backbone  # noqa: E402


@pytest.mark.parametrize("architecture, dimension", [("resnet18", 512), ("resnet34", 512), ("resnet50", 2048)])
def test_a_resnet_gives_vectors_and_bears_torchvisions_names(architecture: str, dimension: int) -> None:
    backbone, said = make_backbone(Network(architecture=architecture))
    assert said == dimension
    assert backbone(torch.zeros(2, 3, 40, 32)).shape == (2, dimension)
    theirs = get_model(architecture, weights=None).state_dict()
    shapes = {name: values.shape for name, values in theirs.items() if not name.startswith("fc.")}
    assert {name: values.shape for name, values in backbone.state_dict().items()} == shapes


@pytest.mark.parametrize("stem, side", [("stock", 8), ("small-maxpool", 16), ("small", 32)])
def test_a_stem_decides_how_much_of_a_small_picture_is_left(stem: Any, side: int) -> None:
    backbone, _ = make_backbone(Network(stem=stem))
    sides: list[int] = []
    backbone.layer1.register_forward_pre_hook(lambda _, inputs: sides.append(inputs[0].shape[-1]))
    assert backbone(torch.zeros(2, 3, 32, 32)).shape == (2, 512)
    assert sides == [side]


@pytest.mark.parametrize("architecture", RESNETS)
def test_the_small_stem_bears_the_same_names(architecture: str) -> None:
    small, stock = (make_backbone(Network(architecture=architecture, stem=stem))[0] for stem in ("small", "stock"))
    assert list(small.state_dict()) == list(stock.state_dict())
    assert small.conv1.weight.shape == (64, 3, 3, 3)
    # He initialisation by outputs, as torchvision's: a standard deviation of sqrt(2 / (64 x 3 x 3)).
    assert small.conv1.weight.std().item() == pytest.approx((2 / 576) ** 0.5, rel=0.1)


# Of one that has other features than outputs, and of one that is made for a size of its own.
@pytest.mark.parametrize(
    "name, dimension", [("mobilenetv3_small_050", 1024), ("convnext_atto", 320), ("vit_tiny_patch16_224", 192)]
)
def test_timms_networks_are_had_by_name_at_any_size(name: str, dimension: int) -> None:
    pytest.importorskip("timm")
    backbone, said = make_backbone(Network(architecture=f"timm/{name}"))
    assert said == dimension
    assert backbone(torch.zeros(2, 3, 64, 64)).shape == (2, dimension)


@pytest.mark.parametrize(
    "network, sentence",
    [
        (Network(architecture="vgg11"), "no architecture vgg11. There are resnet18, resnet34, resnet50"),
        (Network(architecture="timm/resnet1800"), "timm has no model resnet1800"),
        (Network(architecture="timm/resnet18", stem="small"), "The stem small is for ResNets"),
        (Network(architecture="timm/mixer_s32_224"), "mixer_s32_224 takes pictures of one size only"),
    ],
)
def test_a_network_that_is_not_to_be_had_is_refused(network: Network, sentence: str) -> None:
    pytest.importorskip("timm")
    with pytest.raises(BadRecipe, match=sentence):
        make_backbone(network)


def test_without_timm_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(BadRecipe, match=r"needs timm: pip install winnow\[timm\]"):
        make_backbone(Network(architecture="timm/convnext_atto"))
