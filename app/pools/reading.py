"""Reads the pictures of an import: hash, decode, thumbnails."""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image

from app.pools.thumbnails import LARGE, ThumbnailStore
from ml.images import UnreadableImage, image_format, read_picture, read_rgb
from ml.records import record_bytes, record_format, record_rgb

# A file is read into memory as a whole, one for each core at a time.
_LARGEST_FILE = 1024**3
# Enough that the cores have work while a batch is stored.
_READ_AHEAD = 256


@dataclass(frozen=True, slots=True)
class Source:
    """Where a picture is read from."""

    path: str  # its name in the pool: the file's path in the folder, with "#17" for a record
    file: Path
    record: int | None
    size: int  # of the file, in bytes, when it was found
    mtime_ns: int
    label: str | None = None  # the class that the file itself names


@dataclass(frozen=True, slots=True)
class Picture:
    """What was read."""

    source: Source
    sha256: str
    width: int  # upright
    height: int
    format: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be read, and why: the end of a sentence that begins with the file's name."""

    path: str
    reason: str


def read_pictures(
    sources: Iterable[Source], *, thumbnails: ThumbnailStore, max_pixels: int
) -> Iterator[Picture | Failure]:
    """Read pictures on all cores, keep their thumbnails, and yield what came of each, in order.

    Raises DiskFull and ThumbnailsNotKept.
    """
    # Threads, not processes: hashing, decoding and encoding all let go of Python's lock.
    readers = ThreadPoolExecutor(os.cpu_count())
    reading: deque[Future[Picture | Failure]] = deque()
    try:
        for source in sources:
            reading.append(readers.submit(_read, source, thumbnails, max_pixels))
            if len(reading) > _READ_AHEAD:
                yield reading.popleft().result()
        while reading:
            yield reading.popleft().result()
    finally:
        readers.shutdown(cancel_futures=True)


def _read(source: Source, thumbnails: ThumbnailStore, max_pixels: int) -> Picture | Failure:
    try:
        if source.record is not None:
            data = record_bytes(source.file, source.record)
            kind, picture = record_format(source.file), record_rgb(source.file, data)
        else:
            if source.size > _LARGEST_FILE:
                raise UnreadableImage(f"has more than {_LARGEST_FILE:,} bytes")
            data = read_picture(source.file)
            kind, picture = image_format(data), read_rgb(data, max_pixels=max_pixels, at_least=LARGE)
    except UnreadableImage as error:
        return Failure(source.path, str(error))
    sha256 = hashlib.sha256(data).hexdigest()
    if not thumbnails.has(sha256):
        thumbnails.put(sha256, picture)
    width, height = picture.size if min(picture.size) < LARGE else _full_size(data)
    return Picture(source, sha256, width, height, kind)


def _full_size(data: bytes) -> tuple[int, int]:
    """Return the upright size that the header tells: a large JPEG is decoded at a part of its size."""
    with Image.open(io.BytesIO(data)) as header:
        width, height = header.size
        try:
            sideways = header.getexif().get(ExifTags.Base.Orientation, 1) in {5, 6, 7, 8}
        # Nothing is known of the orientation, as for the decoder.
        except Exception:
            sideways = False
    return (height, width) if sideways else (width, height)
