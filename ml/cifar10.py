"""CIFAR-10's binary version: records of a label's byte and a 32 x 32 picture, in three planes row by row.

Source: "Binary version" on https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.images import UnreadableImage, read_bytes
from ml.record_files import count_records, map_records, read_record

FORMAT = "CIFAR10"
SIDE = 32
PICTURE_BYTES = 3 * SIDE * SIDE
RECORD_BYTES = 1 + PICTURE_BYTES

_NAME = re.compile(r"(data_batch_\d+|test_batch)\.bin")
_CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def is_record_file(path: Path) -> bool:
    """Tell, by its name alone, whether a file holds CIFAR-10 pictures: data_batch_1.bin, ..., test_batch.bin."""
    return _NAME.fullmatch(path.name) is not None


def record_count(path: Path) -> int:
    """Return how many pictures a file holds. Raises UnreadableImage if it ends in the middle of one."""
    return count_records(path, RECORD_BYTES)


def record_bytes(path: Path, number: int) -> bytes:
    """Return the 3,072 bytes of a picture, counted from 0, without its label. Raises UnreadableImage.

    Their SHA-256 is the image's id: what an image is does not depend on what somebody called it.
    """
    return read_record(path, number, RECORD_BYTES)[1:]


def mapped_records(path: Path) -> npt.NDArray[np.uint8]:
    """Return the bytes of all pictures, memory-mapped: (n, 3072). Raises UnreadableImage."""
    return map_records(path, RECORD_BYTES)[:, 1:]


def record_rgb(data: bytes) -> Image.Image:
    """Return a record's picture."""
    planes = np.frombuffer(data, dtype=np.uint8).reshape(3, SIDE, SIDE)
    return Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))


def record_labels(path: Path) -> list[str]:
    """Return the class name of each record, from batches.meta.txt beside it, else they are CIFAR-10's ten.

    Raises UnreadableImage if a label has no name.
    """
    names = _class_names(path.with_name("batches.meta.txt"))
    numbers = map_records(path, RECORD_BYTES)[:, 0].tolist()
    if max(numbers) >= len(names):
        raise UnreadableImage(f"has labels that are not between 0 and {len(names) - 1}")
    return [names[number] for number in numbers]


def record_split(path: Path) -> str:
    """Return what the file says it is a part of: train or test."""
    return "test" if path.name == "test_batch.bin" else "train"


def _class_names(file: Path) -> tuple[str, ...]:
    if not file.is_file():
        return _CLASS_NAMES
    return tuple(read_bytes(file).decode("utf-8", "replace").split())
