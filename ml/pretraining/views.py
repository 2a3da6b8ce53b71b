"""Two augmented views of every image of a batch, on the device, each view by parameters of its own.

SimCLR's augmentations (Chen et al., 2020) with torchvision's meaning of every key: crop, flip, jitter in random order,
grey, blur, normalise. All parameters are functions of uniform numbers that the caller draws, and all shapes are
known beforehand: the module compiles into one graph, without a loop over images and without a wait for the device.

Between the steps pixels are (views, rows, 3, columns): so rows can be multiplied from the left and columns from the
right without a copy.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ml.pretraining import colours, recipe
from ml.pretraining.blur import NO_BLUR, blur_matrices, blur_taps
from ml.pretraining.crops import TRIES, Boxes, between, crop_boxes, resize_matrices

# Uniform numbers that a view takes. All have their place in every recipe: one without blur has the same crops.
_DRAWS = {
    "areas": TRIES,
    "ratios": TRIES,
    "top": 1,
    "left": 1,
    "flip": 1,
    "jitter": 1,
    "brightness": 1,
    "contrast": 1,
    "saturation": 1,
    "hue": 1,
    "order": 4,
    "grey": 1,
    "blur": 1,
    "sigma": 1,
}


class Choices(NamedTuple):
    """What happens to each of n views, in the order in which it happens."""

    boxes: Boxes
    flipped: Tensor  # (n,) booleans
    jittered: Tensor  # (n,) booleans
    factors: dict[str, Tensor]  # of the colours that jitter: each (n,), by the key of the recipe
    order: Tensor  # (n, factors): which of the factors comes first, second, …
    grey: Tensor  # (n,) booleans
    sigma: Tensor  # (n,) of the blur; NO_BLUR for none


class TwoViews(nn.Module):
    """Makes views by the recipe. What the recipe never does is not computed.

    `dtype` is that of the pixels between the steps; weights, factors and the arithmetic of colours are float32. Beside
    float32, a value of a view is off by 0.03 of the 255 steps on average in float16 (one in a thousand by 0.4, the
    worst by 1.7), in bfloat16 by 0.3 (2.7, 10): 1,536 views of photographs by the default recipe, on a CPU.
    """

    DRAWS = sum(_DRAWS.values())

    taps: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, views: recipe.Views, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.recipe = views
        self.dtype = dtype
        strengths = {name: getattr(views, name) for name in colours.CHANGES if views.jitter > 0}
        self.bounds = {name: _bounds(name, strength) for name, strength in strengths.items() if strength > 0}
        # Constants that move to the device with the module, and no part of its state.
        self.register_buffer("taps", blur_taps(views.side), persistent=False)
        self.register_buffer("mean", torch.tensor(views.mean).view(3, 1), persistent=False)
        self.register_buffer("std", torch.tensor(views.std).view(3, 1), persistent=False)

    def forward(self, pixels: Tensor, draws: Tensor) -> Tensor:
        """Return (2n, 3, side, side) normalised views in `dtype`, channels last; first views first.

        `pixels` are (n, 3, stored, stored) uint8, `draws` (n, 2, DRAWS) float32 from [0, 1).
        """
        choices = self.choices(draws.flatten(0, 1))
        # Autocast would turn every product to its own dtype.
        with torch.autocast(pixels.device.type, enabled=False):
            views = self._cropped(pixels, choices)
            if self.bounds:
                jittered = colours.changed(views, choices.factors, choices.order)
                views = torch.where(choices.jittered.view(-1, 1, 1, 1), jittered, views)
            if self.recipe.grey > 0:
                views = torch.where(choices.grey.view(-1, 1, 1, 1), colours.grey(views).to(self.dtype), views)
            if self.recipe.blur > 0:
                blurring = blur_matrices(choices.sigma, self.taps).to(self.dtype)
                views = _by_columns(_by_rows(blurring, views), blurring)
        normalised = ((views - self.mean) / self.std).to(self.dtype)
        side = self.recipe.side
        by_view = normalised.view(-1, 2, side, 3, side).permute(1, 0, 2, 4, 3).contiguous()
        return by_view.flatten(0, 1).permute(0, 3, 1, 2)

    def choices(self, draws: Tensor) -> Choices:
        """Turn the draws of n views, (n, DRAWS), into what happens to them."""
        parts = zip(_DRAWS, torch.split(draws, list(_DRAWS.values()), dim=-1), strict=True)
        drawn = {name: part.squeeze(-1) for name, part in parts}
        views, tries = self.recipe, (drawn["areas"], drawn["ratios"], drawn["top"], drawn["left"])
        return Choices(
            boxes=crop_boxes(*tries, stored=views.stored, area=views.area, ratio=views.ratio),
            flipped=drawn["flip"] < views.flip,
            jittered=drawn["jitter"] < views.jitter,
            factors={name: between(drawn[name], bounds) for name, bounds in self.bounds.items()},
            order=drawn["order"][:, : len(self.bounds)].argsort(dim=-1, stable=True),
            grey=drawn["grey"] < views.grey,
            sigma=torch.where(drawn["blur"] < views.blur, between(drawn["sigma"], views.sigma), NO_BLUR),
        )

    def _cropped(self, pixels: Tensor, choices: Choices) -> Tensor:
        """Return (2n, side, 3, side) pixels from 0 to 1; both views of an image are made in one reading of it."""
        boxes, stored, side = choices.boxes, self.recipe.stored, self.recipe.side
        rows = resize_matrices(boxes.top, boxes.height, stored=stored, side=side)
        columns = resize_matrices(boxes.left, boxes.width, stored=stored, side=side, flipped=choices.flipped)
        # Whole numbers up to 255 are exact even in bfloat16.
        images = pixels.permute(0, 2, 1, 3).to(self.dtype)
        both = rows.to(self.dtype).view(-1, 2 * side, stored) @ images.flatten(2)
        return _by_columns(both.view(-1, side, 3, stored), columns.to(self.dtype)) / 255


def _by_rows(matrices: Tensor, views: Tensor) -> Tensor:
    return (matrices @ views.flatten(2)).view(views.shape)


def _by_columns(views: Tensor, matrices: Tensor) -> Tensor:
    count, rows, channels, _ = views.shape
    return (views.flatten(1, 2) @ matrices.mT).view(count, rows, channels, -1)


def _bounds(change: str, strength: float) -> tuple[float, float]:
    return (-strength, strength) if change == "hue" else (max(0.0, 1 - strength), 1 + strength)
