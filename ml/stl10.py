"""STL-10's own binary files: 96 x 96 pictures without header, one after the other, column by column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.images import UnreadableImage, read_bytes
from ml.record_files import count_records, map_records, read_record

FORMAT = "STL10"
SIDE = 96
RECORD_BYTES = 3 * SIDE * SIDE

_CLASS_NAMES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


def is_record_file(path: Path) -> bool:
    """Tell, by its name alone, whether a file holds STL-10 pictures: unlabeled_X.bin, train_X.bin, ..."""
    return path.name.endswith("_X.bin")


def record_count(path: Path) -> int:
    """Return how many pictures a file holds. Raises UnreadableImage if it ends in the middle of one."""
    return count_records(path, RECORD_BYTES)


def record_bytes(path: Path, number: int) -> bytes:
    """Return the 27,648 bytes of a picture, counted from 0. Raises UnreadableImage."""
    return read_record(path, number, RECORD_BYTES)


def mapped_records(path: Path) -> npt.NDArray[np.uint8]:
    """Return the bytes of all pictures, memory-mapped: (n, 27648). Raises UnreadableImage."""
    return map_records(path, RECORD_BYTES)


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


def record_split(path: Path) -> str:
    """Return what the file says it is a part of: train, test, or unlabeled."""
    return path.name.removesuffix("_X.bin")


def _class_names(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        return _CLASS_NAMES
    return tuple(read_bytes(file).decode("utf-8", "replace").split())
