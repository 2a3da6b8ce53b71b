"""Every kind of pixels as RGB."""

from __future__ import annotations

import numpy as np
from PIL import Image


def flattened(image: Image.Image) -> Image.Image:
    """Return a loaded picture of any mode in RGB: transparency over white, wide values scaled to 8 bits."""
    if image.mode.startswith("I;16"):
        return _sixteen_bits(image)
    if image.mode in {"I", "F"}:
        return _stretched(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _sixteen_bits(image: Image.Image) -> Image.Image:
    # Pillow's own conversion clips at 255.
    values = np.asarray(image)
    grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Scale values of 32 bits, which have no white of their own, from their least to their greatest."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = values.min(), values.max()
    grey = (values - low) * (255 / max(high - low, np.finfo(np.float64).tiny))
    return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")
