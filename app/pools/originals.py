"""The bytes of an image, from the folder it was imported from: as a file that may be served, or a reason why not."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path

from app.pools.errors import OriginalChanged, OriginalMissing
from app.pools.images import Original
from ml.images import UnreadableImage
from ml.records import record_bytes, record_rgb


def intact_original(originals: Iterable[Original]) -> tuple[Path, Original]:
    """Return the first file that is as it was when it was imported, resolved, and which of the originals it is.

    What has come to lead out of its folder is passed over. Raises OriginalMissing, or OriginalChanged if a file is
    there but not as it was.
    """
    changed = False
    for original in originals:
        location = Path(os.path.realpath(original.location))
        file = Path(os.path.realpath(location / original.file))
        try:
            status = file.stat()
        except OSError:
            continue
        if not file.is_relative_to(location) or not os.access(file, os.R_OK):
            continue
        if (status.st_size, status.st_mtime_ns) == (original.size, original.mtime_ns):
            return file, original
        changed = True
    raise OriginalChanged if changed else OriginalMissing


def record_png(file: Path, record: int) -> bytes:
    """Return a record of a file as PNG. Raises OriginalMissing."""
    png = io.BytesIO()
    try:
        record_rgb(file, record_bytes(file, record)).save(png, "PNG")
    except UnreadableImage as error:
        raise OriginalMissing from error
    return png.getvalue()
