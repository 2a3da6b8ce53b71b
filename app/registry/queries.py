"""The index versions of pools, and the one row that says which is served."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.tables import Encoder, Image, IndexVersion, Pool, PoolImage, Served, now


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
    created_at: datetime


def served_version(session: Session, *, pool_id: int) -> VersionLine | None:
    """Return the version that new reviews of the pool use; None before its first reindex."""
    wanted = _versions().join(Served, Served.index_version_id == IndexVersion.id).where(Served.pool_id == pool_id)
    row = session.execute(wanted).one_or_none()
    return None if row is None else _line(row)


def version(session: Session, *, id: int) -> VersionLine:
    """Return one version. Raises VersionNotFound."""
    row = session.execute(_versions().where(IndexVersion.id == id)).one_or_none()
    if row is None:
        raise VersionNotFound
    return _line(row)


def versions_of(session: Session, *, pool_id: int) -> list[VersionLine]:
    """Return all versions of a pool, newest first."""
    wanted = _versions().where(IndexVersion.pool_id == pool_id).order_by(IndexVersion.id.desc())
    return [_line(row) for row in session.execute(wanted)]


def add_version(session: Session, *, pool_id: int, encoder_id: int, artifact: str, count: int) -> int:
    """Add a published index folder and return the version's id. It is not served yet."""
    added = IndexVersion(pool_id=pool_id, encoder_id=encoder_id, artifact=artifact, count=count)
    session.add(added)
    session.flush()
    return added.id


def serve(session: Session, *, pool_id: int, version_id: int) -> VersionLine:
    """Let new reviews of the pool use this version; open ones keep theirs. Idempotent.

    Raises VersionNotFound, also for a version of another pool.
    """
    # Two who serve at once take turns, so that neither finds the row missing and both insert it.
    session.execute(select(Pool.id).where(Pool.id == pool_id).with_for_update(key_share=True))
    chosen = version(session, id=version_id)
    if chosen.pool_id != pool_id:
        raise VersionNotFound
    pointer = session.get(Served, pool_id)
    if pointer is None:
        session.add(Served(pool_id=pool_id, index_version_id=version_id))
    elif pointer.index_version_id != version_id:
        pointer.index_version_id = version_id
        pointer.since = now()
    session.flush()
    return chosen


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


_Columns = tuple[int, int, str, str, str, int, int, datetime]


def _versions() -> Select[*_Columns]:
    return select(
        IndexVersion.id,
        IndexVersion.pool_id,
        IndexVersion.artifact,
        Encoder.name,
        Encoder.digest,
        Encoder.dimension,
        IndexVersion.count,
        IndexVersion.created_at,
    ).join(Encoder, Encoder.id == IndexVersion.encoder_id)


def _line(row: Row[*_Columns]) -> VersionLine:
    return VersionLine(*row)
