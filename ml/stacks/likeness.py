"""Whether pictures look the same, by 32 x 32 pixels of each. Vectors alone take a picture for its mirror image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

SIDE = 32

# How alike the wholes must be, and the parts that are least alike; a correlation each. How they were chosen:
# docs/decisions/0013-stacks.md.
_WHOLE = 0.97
_PART = 0.92

# A frame of one pixel is left, by which one picture is moved over the other. What is within it has 5 x 5 parts.
_SHIFTS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
_WITHIN = SIDE - 2
_PART_SIDE = 6
_PARTS = _WITHIN // _PART_SIDE

# What lies half a pixel off would look unlike, were it sharp.
_SOFTENED = ImageFilter.GaussianBlur(1)

# Grey levels by which one may be brighter: else a black frame would look like a white one, for neither shows anything.
_BRIGHTER = 64

# Grey levels, squared, by which pixels differ through encoding alone: without them no two clear skies would be alike.
_NOISE_OF_WHOLE = 5.0**2
_NOISE_OF_PART = 8.0**2

Small = npt.NDArray[np.uint8]  # (32, 32, 3)
_Floats = npt.NDArray[np.float32]


def small(image: Image.Image) -> Small:
    """Return what is compared of an RGB picture: all of it, whatever its shape."""
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR).filter(_SOFTENED))


def look_the_same(one: Small, others: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Tell of each of the others (n, 32, 32, 3) whether it looks the same as this one: (n,).

    Contrast matters little, brightness as well, and a shift by a thirtieth of the picture. Colours matter, and that
    every part of the picture is there, however much of the rest is white paper or blue sky.
    """
    first, second = _moved(one[None].astype(np.float32), (0, 0)), others.astype(np.float32)
    wholes = np.stack([_wholes(first, _moved(second, shift)) for shift in _SHIFTS])
    brighter = np.abs(second.mean(axis=(1, 2, 3)) - first.mean())
    same: npt.NDArray[np.bool_] = (wholes.max(axis=0) >= _WHOLE) & (brighter <= _BRIGHTER)
    for number in np.flatnonzero(same):
        shift = _SHIFTS[int(wholes[:, number].argmax())]
        same[number] = _parts(first, _moved(second[[number]], shift)).min() >= _PART
    return same


def _moved(pictures: _Floats, shift: tuple[int, int]) -> _Floats:
    down, right = shift
    return pictures[:, 1 + down : 1 + down + _WITHIN, 1 + right : 1 + right + _WITHIN]


def _wholes(one: _Floats, others: _Floats) -> _Floats:
    """Correlate pictures, their three colours together."""
    return _correlation(_centred(one.reshape(1, -1)), _centred(others.reshape(len(others), -1)), _NOISE_OF_WHOLE)


def _parts(one: _Floats, other: _Floats) -> _Floats:
    """Correlate two pictures part by part. Each colour counts by itself: a blue sky is as empty as a grey one."""
    first, second = (
        _centred(
            picture.reshape(_PARTS, _PART_SIDE, _PARTS, _PART_SIDE, 3)
            .transpose(0, 2, 4, 1, 3)
            .reshape(_PARTS**2, 3, -1)
        )
        for picture in (one, other)
    )
    return _correlation(first.reshape(len(first), -1), second.reshape(len(second), -1), _NOISE_OF_PART)


def _centred(values: _Floats) -> _Floats:
    centred: _Floats = values - values.mean(axis=-1, keepdims=True)
    return centred


def _correlation(one: _Floats, other: _Floats, noise: float) -> _Floats:
    together, first, second = ((a * b).mean(axis=-1) for a, b in ((one, other), (one, one), (other, other)))
    correlation: _Floats = (together + noise) / (np.sqrt(first * second) + noise)
    return correlation
