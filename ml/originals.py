"""A listed image's picture, from the file or the record that it lies in."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.images import ListedImage, UnreadableImage, read_bytes, read_rgb
from ml.records import mapped_records, record_rgb


def original_rgb(image: ListedImage, *, max_pixels: int, at_least: int) -> Image.Image:
    """Return the picture in RGB as `ml.images.read_rgb` does, if its bytes are those that were listed.

    Raises UnreadableImage.
    """
    data = read_bytes(image.path) if image.record is None else _record(image.path, image.record)
    if hashlib.sha256(data).hexdigest() != image.id:
        raise UnreadableImage("has changed since it was listed")
    if image.record is not None:
        return record_rgb(image.path, data)
    return read_rgb(data, max_pixels=max_pixels, at_least=at_least)


def _record(path: Path, number: int) -> bytes:
    records = _mapped(path)
    if number >= len(records):
        raise UnreadableImage(f"has no record {number}")
    data: bytes = records[number].tobytes()
    return data


# Mapped once, not opened for each of its records. Of a file that is replaced the old bytes stay mapped.
@lru_cache(maxsize=16)
def _mapped(path: Path) -> npt.NDArray[np.uint8]:
    return mapped_records(path)
