"""Uploads on a disk that is nearly full."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from app.pools.thumbnails import ThumbnailStore
from app.review.uploads import NoRoomForUploads, UploadStore


def test_uploads_leave_room_for_verdicts(tmp_path: Path) -> None:
    # Somebody who uploads again and again filled the disk that the database lies on.
    png = io.BytesIO()
    Image.new("RGB", (20, 20)).save(png, "PNG")
    full = UploadStore(tmp_path / "uploads", ThumbnailStore(tmp_path / "thumbnails"), 1000, room_left=2**62)
    with pytest.raises(NoRoomForUploads):
        full.keep(png.getvalue())
    assert list(tmp_path.iterdir()) == []
    kept = replace(full, room_left=0).keep(png.getvalue())
    assert full.read(kept) == png.getvalue()
