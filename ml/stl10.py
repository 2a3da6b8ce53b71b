"""STL-10's own binary files: 96 x 96 pictures without header, one after the other, column by column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ml.images import UnreadableImage, file_reasons, read_bytes

SIDE = 96
RECORD_BYTES = 3 * SIDE * SIDE

_CLASS_NAMES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


def is_stl10(path: Path) -> bool:
    """Tell, by its name alone, whether a file holds STL-10 pictures: unlabeled_X.bin, train_X.bin, ..."""
    return path.name.endswith("_X.bin")


def record_count(path: Path) -> int:
    """Return how many pictures a file holds. Raises UnreadableImage if it ends in the middle of one."""
    with file_reasons():
        size = path.stat().st_size
    if not size:
        raise UnreadableImage("is empty")
    if size % RECORD_BYTES:
        raise UnreadableImage(f"is truncated: {size:,} bytes are no whole number of pictures of {RECORD_BYTES:,} bytes")
    return size // RECORD_BYTES


def record_bytes(path: Path, number: int) -> bytes:
    """Return the 27,648 bytes of a picture, counted from 0. Raises UnreadableImage."""
    with file_reasons(), path.open("rb") as file:
        file.seek(number * RECORD_BYTES)
        data = file.read(RECORD_BYTES)
    if len(data) < RECORD_BYTES:
        raise UnreadableImage(f"has no record {number}")
    return data


def record_rgb(data: bytes) -> Image.Image:
    """Return a record's picture, upright: the bytes are three planes, each column by column."""
    planes = np.frombuffer(data, dtype=np.uint8).reshape(3, SIDE, SIDE)
    return Image.fromarray(np.ascontiguousarray(planes.transpose(2, 1, 0)))


def record_labels(path: Path) -> list[str] | None:
    """Return the class name of each record, or None if the labels' file (train_y.bin) is not beside it.

    The names come from class_names.txt beside it, else they are STL-10's ten. Raises UnreadableImage if the
    labels do not fit the pictures.
    """
    labels = path.with_name(path.name.removesuffix("_X.bin") + "_y.bin")
    if not labels.is_file():
        return None
    names = _class_names(path.with_name("class_names.txt"))
    numbers = read_bytes(labels)
    if len(numbers) != record_count(path):
        raise UnreadableImage(f"has {record_count(path)} pictures, but {labels.name} has {len(numbers)} labels")
    if not all(1 <= number <= len(names) for number in numbers):
        raise UnreadableImage(f"has labels in {labels.name} that are not between 1 and {len(names)}")
    return [names[number - 1] for number in numbers]


def _class_names(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        return _CLASS_NAMES
    return tuple(read_bytes(file).decode("utf-8", "replace").split())
