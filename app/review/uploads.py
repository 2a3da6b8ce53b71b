"""Keeps the pictures that reviews were started from and that no pool holds."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.errors import AppError, Unavailable
from app.pools.thumbnails import ThumbnailStore
from app.search.query_vectors import decoding
from ml.images import read_rgb

# What uploads leave free on the disk, in bytes: anybody who labels may bring as many as they like, and verdicts have to
# be stored all the same.
ROOM_LEFT = 512 * 1024**2


class NoRoomForUploads(AppError):
    """Winnow's disk is nearly full, so it takes no uploads: start from pictures of the pool, or have room made."""

    status = 507


class UploadNotKept(Unavailable):
    """The uploaded picture cannot be kept: Winnow's home folder is full, gone, or cannot be written to."""


@dataclass(frozen=True)
class UploadStore:
    """Files under their hash, with thumbnails to show. They appear whole or not at all, and never change."""

    folder: Path
    thumbnails: ThumbnailStore
    max_pixels: int
    room_left: int = ROOM_LEFT

    def keep(self, data: bytes) -> str:
        """Keep a picture and return its SHA-256 in hex. Idempotent.

        Raises NoRoomForUploads and UnreadableImage before anything is kept, TooManyPictures and UploadNotKept.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        self._see_that_there_is_room(len(data))
        if not self.thumbnails.has(sha256):
            with decoding():
                self.thumbnails.put(sha256, read_rgb(data, max_pixels=self.max_pixels))
        try:
            _write(data, self.folder / sha256[:2] / sha256)
        except OSError as error:
            raise UploadNotKept from error
        return sha256

    def read(self, sha256: str) -> bytes:
        """Return the bytes of a picture that was kept. Raises OSError."""
        return (self.folder / sha256[:2] / sha256).read_bytes()

    def _see_that_there_is_room(self, size: int) -> None:
        try:
            free = shutil.disk_usage(self.folder.parent).free
        except OSError as error:
            raise UploadNotKept from error
        if free - size < self.room_left:
            raise NoRoomForUploads


def _write(data: bytes, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(draft).rename(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
