"""Changes of colour for a batch, each image by its own factor: torchvision's arithmetic, including its clamping.

Pixels are (n, rows, 3, columns), RGB from 0 to 1, in any floating dtype; factors (n, 1, 1, 1) float32. The
arithmetic is float32 by promotion, whatever the dtype of the pixels; a compiled graph keeps it in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor


def changed(pixels: Tensor, factors: Mapping[str, Tensor], order: Tensor) -> Tensor:
    """Apply the CHANGES that have factors, each (n,), to every image in its own order, (n, factors)."""
    for turn in order.unbind(1):
        before = pixels
        for number, (name, factor) in enumerate(factors.items()):
            # Every change is computed for every image, so that shapes do not depend on what was drawn; and from what
            # the turn began with, so that they wait for nothing but one mean and fuse.
            pixels = torch.where(_each(turn == number), CHANGES[name](before, _each(factor)), pixels)
    return pixels


def brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with black."""
    return (factor * pixels).clamp(0, 1).to(pixels.dtype)


def contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean grey of the image."""
    return _blend(pixels, grey(pixels).mean(dim=(1, 2, 3), keepdim=True), factor)


def saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with the image in grey."""
    return _blend(pixels, grey(pixels), factor)


def hue(pixels: Tensor, turns: Tensor) -> Tensor:
    """Turn all hues by so many full turns, by way of HSV."""
    red, green, blue = torch.split(pixels.float(), 1, dim=2)
    highest = torch.maximum(torch.maximum(red, green), blue)
    chroma = highest - torch.minimum(torch.minimum(red, green), blue)
    divisor = torch.where(chroma == 0, 1.0, chroma)
    sixths = torch.where(
        highest == red,
        (green - blue) / divisor,
        torch.where(highest == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    # How far a channel lies below the highest depends on the hue alone: a trapezium, shifted by a third per channel.
    shifts = torch.arange(5, 0, -2, device=pixels.device)[:, None]
    angle = (sixths + 6 * turns + shifts) % 6
    return (highest - chroma * torch.minimum(angle, 4 - angle).clamp(0, 1)).clamp(0, 1).to(pixels.dtype)


def grey(pixels: Tensor) -> Tensor:
    """Return the grey of each pixel, (n, rows, 1, columns) float32."""
    red, green, blue = torch.split(pixels.float(), 1, dim=2)
    return 0.2989 * red + 0.587 * green + 0.114 * blue


def _blend(pixels: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (factor * pixels + (1 - factor) * other).clamp(0, 1).to(pixels.dtype)


def _each(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


CHANGES: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "brightness": brightness,
    "contrast": contrast,
    "saturation": saturation,
    "hue": hue,
}
