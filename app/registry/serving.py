"""Moves the one row that says which index version is served."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.history import record
from app.registry.queries import VersionLine, VersionNotFound, version
from app.tables import Pool, Served, now
from ml.artifacts import BadArtifact, IndexManifest


class VersionRemoved(Conflict):
    """This index version was removed; reindex the pool with its encoder to get another one."""


class VersionLost(Conflict):
    """The files of this index version are gone; reindex the pool with its encoder to get another one."""


class SameVersion(Invalid):
    """An index version cannot be compared with itself."""


def serve(
    session: Session, *, pool_id: int, version_id: int, person_id: int | None = None, job_id: int | None = None
) -> VersionLine:
    """Let new reviews of the pool use this version; open ones keep theirs. Idempotent; a move is written down.

    Raises VersionNotFound, also for a version of another pool, and VersionRemoved.
    """
    lock_versions(session, pool_id=pool_id)
    chosen = _usable(session, pool_id=pool_id, id=version_id)
    pointer = session.get(Served, pool_id, populate_existing=True)
    before = None if pointer is None else pointer.index_version_id
    if before == version_id:
        return chosen
    if pointer is None:
        session.add(Served(pool_id=pool_id, index_version_id=version_id))
    else:
        pointer.index_version_id = version_id
        pointer.since = now()
    details = {"from": before, "to": version_id}
    record(session, "serve", person_id=person_id, pool_id=pool_id, job_id=job_id, details=details)
    session.flush()
    return chosen


def comparable(session: Session, *, pool_id: int, first: int, second: int) -> tuple[VersionLine, VersionLine]:
    """Return two versions of a pool. Raises VersionNotFound, VersionRemoved and SameVersion."""
    if first == second:
        raise SameVersion
    return _usable(session, pool_id=pool_id, id=first), _usable(session, pool_id=pool_id, id=second)


def require_files(indexes: Path, version: VersionLine) -> None:
    """Raise VersionLost if files of this version are gone: it must not become what all reviews begin with."""
    if not has_files(indexes, version):
        raise VersionLost


def has_files(indexes: Path, version: VersionLine) -> bool:
    """Whether all files of this version are there; that they are as they were written is not looked at."""
    try:
        IndexManifest.read(indexes / version.artifact, verify=False)
    except BadArtifact:
        return False
    return True


def lock_versions(session: Session, *, pool_id: int) -> None:
    """Let those who serve, add or remove index versions of a pool take turns until this transaction ends."""
    session.execute(select(Pool.id).where(Pool.id == pool_id).with_for_update(key_share=True))


def keep_version(session: Session, *, pool_id: int, version_id: int) -> None:
    """Let nobody remove a version before this transaction ends. Raises VersionNotFound and VersionRemoved."""
    lock_versions(session, pool_id=pool_id)
    _usable(session, pool_id=pool_id, id=version_id)


def _usable(session: Session, *, pool_id: int, id: int) -> VersionLine:
    chosen = version(session, id=id)
    if chosen.pool_id != pool_id:
        raise VersionNotFound
    if chosen.removed_at is not None:
        raise VersionRemoved
    return chosen
