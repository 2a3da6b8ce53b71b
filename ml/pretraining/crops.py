"""Random resized crops of a batch, each image by its own box, as matrix products.

Resizing is linear and separable: an image of `stored` rows becomes one of `side` rows by a (side, stored) matrix
from the left, and the same holds for its columns from the right. The matrix that resizes a part of the image is zero
outside of it, and one that flips has its rows reversed; so crop, flip and resize are two products.
"""

from __future__ import annotations

from math import log
from typing import NamedTuple

import torch
from torch import Tensor

TRIES = 10


class Boxes(NamedTuple):
    """Where crops lie: each (n,), whole numbers of pixels as float32."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor


def crop_boxes(
    areas: Tensor,
    ratios: Tensor,
    top: Tensor,
    left: Tensor,
    *,
    stored: int,
    area: tuple[float, float],
    ratio: tuple[float, float],
) -> Boxes:
    """Choose boxes in square images of `stored` pixels as torchvision's RandomResizedCrop does.

    `areas` and `ratios` are (n, TRIES), `top` and `left` (n,), all uniform in [0, 1). The first try that fits is
    taken; where none does, the largest box in the middle whose ratio is within its bounds.
    """
    target = stored**2 * between(areas, area)
    shape = between(ratios, (log(ratio[0]), log(ratio[1]))).exp()
    widths, heights = (target * shape).sqrt().round(), (target / shape).sqrt().round()
    fits = (widths >= 1) & (widths <= stored) & (heights >= 1) & (heights <= stored)
    first = fits.int().argmax(-1, keepdim=True)
    found = fits.any(-1)

    last_width, last_height = round(stored * min(1, ratio[1])), round(stored / max(1, ratio[0]))
    width = torch.where(found, widths.gather(-1, first).squeeze(-1), last_width)
    height = torch.where(found, heights.gather(-1, first).squeeze(-1), last_height)
    return Boxes(
        torch.where(found, (top * (stored - height + 1)).floor(), (stored - last_height) // 2),
        torch.where(found, (left * (stored - width + 1)).floor(), (stored - last_width) // 2),
        height,
        width,
    )


def resize_matrices(first: Tensor, length: Tensor, *, stored: int, side: int, flipped: Tensor | None = None) -> Tensor:
    """Return (n, side, stored) float32 weights that make `side` pixels of `length` pixels from `first` on.

    Bilinear with antialias, as in torch and Pillow: a triangle as wide as two of the pixels made, or two of those
    read, whichever are larger. `flipped` (n,), booleans, reverses the rows.
    """
    made = torch.arange(side, device=first.device) + 0.5
    read = torch.arange(stored, device=first.device) + 0.5
    first, length = first[:, None, None], length[:, None, None]
    scale = length / side
    if flipped is not None:
        made = torch.where(flipped[:, None], side - made, made)
    centres = first + scale * made.view(-1, side, 1)
    weights = (1 - (read - centres).abs() / scale.clamp(min=1)).clamp(min=0)
    weights = weights * ((read > first) & (read < first + length))
    return weights / weights.sum(-1, keepdim=True)


def between(draws: Tensor, bounds: tuple[float, float]) -> Tensor:
    """Stretch numbers of [0, 1) to the bounds."""
    low, high = bounds
    return low + (high - low) * draws
