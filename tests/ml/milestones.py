"""A milestone as a run leaves it: random weights, and normalisation whose statistics are not those of the start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ml.pretraining.recipe import Network, read_recipe


def write_small_milestone(folder: Path, **network: Any) -> Path:
    """Return the checkpoint of a resnet18 with the stem `small-maxpool`, unless told otherwise, after 3 epochs."""
    from ml.pretraining.backbones import make_backbone
    from ml.pretraining.checkpoints import write_milestone

    recipe = read_recipe("smoke", ["views.stored=40", "views.mean=[0.5, 0.4, 0.3]"])
    recipe = replace(recipe, network=Network(**({"stem": "small-maxpool"} | network)))
    backbone, dimension = make_backbone(recipe.network)
    with_statistics(backbone)
    content = {"epoch": 3, "step": 24, "images": 256, "dimension": dimension, "versions": {"torch": "2"}}
    return write_milestone(folder, content | {"recipe": recipe.as_dict(), "backbone": backbone.state_dict()})


def with_statistics(backbone: Any) -> Any:
    """Give BatchNorm statistics other than 0 and 1, seeded; return the network, in evaluation mode."""
    import torch

    generator = torch.Generator().manual_seed(0)
    for name, values in backbone.named_buffers():
        if "running_var" in name:
            values.uniform_(0.5, 1.5, generator=generator)
        elif "running_mean" in name:
            values.uniform_(-0.1, 0.1, generator=generator)
    return backbone.eval()
