"""Starts a review: from images of the pool, or from a picture that was uploaded."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.pools.held import held_images
from app.pools.thumbnails import ThumbnailStore
from app.registry.queries import VersionLine, served_version
from app.registry.row_maps import RowMap
from app.review.queries import QueryPicture
from app.search.query_vectors import EncoderShelf
from ml.images import read_rgb


class NotIndexedYet(Conflict):
    """This pool has no index version yet: reindex it first."""


class ImageNotIndexed(Conflict):
    """This image is not in the served index version: reindex the pool first."""


class NothingToStartFrom(Invalid):
    """A review starts from at least one image."""


def version_to_pin(session: Session, *, pool_id: int) -> VersionLine:
    """Return the version that a review started now works on. Raises NotIndexedYet."""
    version = served_version(session, pool_id=pool_id)
    if version is None:
        raise NotIndexedYet
    return version


def from_images(session: Session, *, pool_id: int, images: Sequence[str], row_map: RowMap) -> list[QueryPicture]:
    """Return the query that these images make, without repetitions.

    Raises NothingToStartFrom, NotInThisPool and ImageNotIndexed.
    """
    if not images:
        raise NothingToStartFrom
    held = held_images(session, pool_id=pool_id, images=images)
    for image, image_id in held.items():
        if row_map.rows_of([image_id])[0] < 0:
            raise ImageNotIndexed(f"Image {image} is not in the served index version: reindex the pool first.")
    return [QueryPicture(image_id, image, None) for image, image_id in held.items()]


def from_upload(
    data: bytes,
    *,
    version: VersionLine,
    encoders: EncoderShelf,
    thumbnails: ThumbnailStore,
    uploads: Path,
    max_pixels: int,
) -> list[QueryPicture]:
    """Return the query that an uploaded picture makes; keep the picture under its hash, with thumbnails to show.

    The upload is decoded in full before it is kept. Raises UnsupportedMedia for what is no picture.
    """
    vector = encoders.vector(version.encoder, version.digest, data, max_pixels)
    sha256 = hashlib.sha256(data).hexdigest()
    if not thumbnails.has(sha256):
        thumbnails.put(sha256, read_rgb(data, max_pixels=max_pixels))
    _keep(data, uploads / sha256[:2] / sha256)
    return [QueryPicture(None, sha256, np.asarray(vector, dtype="<f4").tobytes())]


def _keep(data: bytes, target: Path) -> None:
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
