"""Writes pictures into STL-10's and CIFAR-10's files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

SIDES = {"stl10": 96, "cifar10": 32}


def noise(count: int, side: int, *, seed: int = 0) -> np.ndarray:
    """Return pictures, uint8 (n, side, side, 3): row, column, colour."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def write_stl10(path: Path, pixels: np.ndarray, labels: Sequence[int] | None = None) -> Path:
    """Write red, green, blue, each column after column, and the labels beside them."""
    path.write_bytes(pixels.transpose(0, 3, 2, 1).tobytes())
    if labels is not None:
        path.with_name(path.name.replace("_X", "_y")).write_bytes(bytes(labels))
    return path


def write_cifar10(path: Path, pixels: np.ndarray, labels: Sequence[int]) -> Path:
    """Write, picture by picture, its label, then red, green, blue, each row after row."""
    planes = pixels.transpose(0, 3, 1, 2)
    path.write_bytes(b"".join(bytes([label]) + plane.tobytes() for label, plane in zip(labels, planes, strict=True)))
    return path
