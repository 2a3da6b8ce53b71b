"""The index versions of pools, and the one row that says which is served."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.tables import Encoder, Image, IndexVersion, JournalEntry, PoolImage, Served


class VersionNotFound(NotFound):
    """This pool has no such index version."""


@dataclass(frozen=True)
class VersionLine:
    """An index version with what is worth knowing of its encoder."""

    id: int
    pool_id: int
    artifact: str  # the name of its folder under the settings' `indexes`
    encoder: str
    digest: str  # of the encoder's manifest, SHA-256 in hex
    dimension: int
    count: int  # of vectors
    checks: dict[str, Any] | None  # what it was found to be; None for one from before there were checks
    created_at: datetime
    removed_at: datetime | None  # its folder is gone


_Columns = tuple[int, int, str, str, str, int, int, dict[str, Any] | None, datetime, datetime | None]
_VERSIONS = select(
    IndexVersion.id,
    IndexVersion.pool_id,
    IndexVersion.artifact,
    Encoder.name,
    Encoder.digest,
    Encoder.dimension,
    IndexVersion.count,
    IndexVersion.checks,
    IndexVersion.created_at,
    IndexVersion.removed_at,
).join(Encoder, Encoder.id == IndexVersion.encoder_id)
_VERSION = _VERSIONS.where(IndexVersion.id == bindparam("version"))
_SERVED = _VERSIONS.join(Served, Served.index_version_id == IndexVersion.id).where(Served.pool_id == bindparam("pool"))


def served_version(session: Session, *, pool_id: int) -> VersionLine | None:
    """Return the version that new reviews of the pool use; None before its first reindex."""
    row = session.connection().execute(_SERVED, {"pool": pool_id}).one_or_none()
    return None if row is None else _line(row)


def version(session: Session, *, id: int) -> VersionLine:
    """Return one version. Raises VersionNotFound."""
    row = session.connection().execute(_VERSION, {"version": id}).one_or_none()
    if row is None:
        raise VersionNotFound
    return _line(row)


def versions_of(session: Session, *, pool_id: int) -> list[VersionLine]:
    """Return the versions of a pool that were not removed, newest first."""
    there = _VERSIONS.where(IndexVersion.pool_id == pool_id, IndexVersion.removed_at.is_(None))
    return [_line(row) for row in session.execute(there.order_by(IndexVersion.id.desc()))]


def served_ever(session: Session, *, pool_id: int) -> set[int]:
    """Return the ids of the pool's versions that are served or once were, as far as the journal goes back."""
    moves = select(JournalEntry.details).where(JournalEntry.pool_id == pool_id, JournalEntry.act == "serve")
    return {details[side] for details in session.scalars(moves) if details for side in ("from", "to")} - {None}


def add_version(
    session: Session,
    *,
    pool_id: int,
    encoder_id: int,
    artifact: str,
    count: int,
    checks: dict[str, Any] | None = None,
) -> int:
    """Add a published index folder and return the version's id. It is a candidate: not served yet."""
    added = IndexVersion(pool_id=pool_id, encoder_id=encoder_id, artifact=artifact, count=count, checks=checks)
    session.add(added)
    session.flush()
    return added.id


def image_rows(session: Session, *, pool_id: int, digests: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the image ids of an index's rows, (n,), given the SHA-256 digests of its images, (n, 32).

    A digest that no image of the pool has gets −1.
    """
    images = session.execute(
        select(Image.id, Image.sha256)
        .join(PoolImage, PoolImage.image_id == Image.id)
        .where(PoolImage.pool_id == pool_id)
    )
    known = {bytes.fromhex(sha256): image_id for image_id, sha256 in images}
    return np.fromiter((known.get(digest.tobytes(), -1) for digest in digests), dtype=np.int64, count=len(digests))


def _line(row: Row[*_Columns]) -> VersionLine:
    return VersionLine(*row)
