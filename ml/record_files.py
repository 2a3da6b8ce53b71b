"""Binary files of pictures without any header: records of one length, one after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.images import UnreadableImage, file_reasons


def count_records(path: Path, length: int) -> int:
    """Return how many records of `length` bytes a file holds. Raises UnreadableImage if it ends within one."""
    with file_reasons():
        size = path.stat().st_size
    if not size:
        raise UnreadableImage("is empty")
    if size % length:
        raise UnreadableImage(f"is truncated: {size:,} bytes are no whole number of pictures of {length:,} bytes")
    return size // length


def read_record(path: Path, number: int, length: int) -> bytes:
    """Return the bytes of one record, counted from 0. Raises UnreadableImage."""
    with file_reasons(), path.open("rb") as file:
        file.seek(number * length)
        data = file.read(length)
    if len(data) < length:
        raise UnreadableImage(f"has no record {number}")
    return data


def map_records(path: Path, length: int) -> npt.NDArray[np.uint8]:
    """Return all records, memory-mapped: (n, length). Raises UnreadableImage.

    A file that is cut short afterwards kills the process that reads on, as mapped files do.
    """
    count = count_records(path, length)
    with file_reasons():
        return np.memmap(path, dtype=np.uint8, mode="r", shape=(count, length))
