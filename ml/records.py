"""Files that hold many pictures as records: STL-10's and CIFAR-10's, told apart by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml import cifar10, stl10


class _Kind(Protocol):
    """What the module of each kind offers; there it says more."""

    FORMAT: str

    def is_record_file(self, path: Path) -> bool: ...
    def record_count(self, path: Path) -> int: ...
    def record_bytes(self, path: Path, number: int) -> bytes: ...
    def mapped_records(self, path: Path) -> npt.NDArray[np.uint8]: ...
    def record_rgb(self, data: bytes) -> Image.Image: ...
    def record_labels(self, path: Path) -> list[str] | None: ...
    def record_split(self, path: Path) -> str: ...


_KINDS: tuple[_Kind, ...] = (stl10, cifar10)


def is_record_file(path: Path) -> bool:
    """Tell, by its name alone, whether a file holds records. The other functions take only such files."""
    return any(kind.is_record_file(path) for kind in _KINDS)


def record_format(path: Path) -> str:
    """Return "STL10" or "CIFAR10"."""
    return _kind(path).FORMAT


def record_count(path: Path) -> int:
    """Return how many pictures a file holds. Raises UnreadableImage if it ends in the middle of one."""
    return _kind(path).record_count(path)


def record_bytes(path: Path, number: int) -> bytes:
    """Return the bytes of one picture, counted from 0; their SHA-256 is its id. Raises UnreadableImage."""
    return _kind(path).record_bytes(path, number)


def mapped_records(path: Path) -> npt.NDArray[np.uint8]:
    """Return the bytes of all pictures, memory-mapped, a row each. Raises UnreadableImage."""
    return _kind(path).mapped_records(path)


def record_rgb(path: Path, data: bytes) -> Image.Image:
    """Return the picture that these bytes of the file are."""
    return _kind(path).record_rgb(data)


def record_labels(path: Path) -> list[str] | None:
    """Return the class name of each record, or None if the file has no labels. Raises UnreadableImage."""
    return _kind(path).record_labels(path)


def record_split(path: Path) -> str:
    """Return the part of its data set that the file says it is: train, test, unlabeled."""
    return _kind(path).record_split(path)


def _kind(path: Path) -> _Kind:
    return next(kind for kind in _KINDS if kind.is_record_file(path))
