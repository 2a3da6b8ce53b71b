"""Which index versions are kept, and the removal of the others. Why this rule: docs/decisions/0020."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import Conflict
from app.history import record
from app.registry import queries
from app.registry.queries import VersionLine
from app.registry.serving import lock_versions
from app.settings import Settings
from app.tables import Commit, IndexVersion, Page, Review, now


class VersionServed(Conflict):
    """This index version is served; serve another one first."""


class VersionPinned(Conflict):
    """Reviews keep to this index version."""


def pins(session: Session, settings: Settings, *, pool_id: int) -> dict[int, int]:
    """Return how many reviews of a pool keep to each of its versions; a version without any is left out.

    A review that nobody has worked on for the settings' number of days keeps to none.
    """
    wanted = select(Review.index_version_id, func.count()).where(Review.pool_id == pool_id)
    if settings.review_rests_after_days:
        since = now() - timedelta(days=settings.review_rests_after_days)
        worked_on = or_(
            Review.created_at >= since,
            exists().where(Page.review_id == Review.id, Page.created_at >= since),
            exists().where(Commit.review_id == Review.id, Commit.created_at >= since),
        )
        wanted = wanted.where(worked_on)
    return dict(session.execute(wanted.group_by(Review.index_version_id)).all())


def remove(session: Session, settings: Settings, *, version_id: int, person_id: int | None) -> VersionLine:
    """Mark a version as removed; the caller deletes its folder once that is committed. Idempotent.

    Raises VersionNotFound, VersionServed and VersionPinned.
    """
    chosen = queries.version(session, id=version_id)
    lock_versions(session, pool_id=chosen.pool_id)
    served = queries.served_version(session, pool_id=chosen.pool_id)
    if served is not None and served.id == version_id:
        raise VersionServed
    pinned = pins(session, settings, pool_id=chosen.pool_id).get(version_id, 0)
    if pinned:
        raise VersionPinned(_pinned(pinned, settings.review_rests_after_days))
    _mark(session, chosen, person_id=person_id)
    return queries.version(session, id=version_id)


def tidy(database: Database, settings: Settings, *, pool_id: int) -> list[int]:
    """Remove the versions of a pool that nothing keeps and the folders that no row names; return those versions' ids.

    Only the pool's one reindex may call it, and not between publishing a folder and adding its row.
    """
    with database.write() as session:
        lock_versions(session, pool_id=pool_id)
        served = queries.served_version(session, pool_id=pool_id)
        there = queries.versions_of(session, pool_id=pool_id)
        pinned = pins(session, settings, pool_id=pool_id)
        gone = superfluous(there, served=served, pinned=pinned, keep=settings.keep_indexes)
        for version in gone:
            _mark(session, version, person_id=None)
        kept = {version.artifact for version in there if version not in gone}
    # Whoever has one of them mapped goes on with it; nobody opens it anew.
    for folder in settings.indexes.glob(f"{pool_id}-*"):
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
    return [version.id for version in gone]


def superfluous(
    there: list[VersionLine], *, served: VersionLine | None, pinned: Mapping[int, int], keep: int
) -> list[VersionLine]:
    """Return the versions that nothing keeps, given all, newest first: neither served, nor pinned, nor of the newest.

    The served one and those that are pinned do not count among the `keep` newest.
    """
    held = {version.id for version in there if version.id in pinned or (served is not None and version.id == served.id)}
    return [version for version in there if version.id not in held][keep:]


def _mark(session: Session, version: VersionLine, *, person_id: int | None) -> None:
    there = (IndexVersion.id == version.id, IndexVersion.removed_at.is_(None))
    changed = session.scalars(
        update(IndexVersion)
        .where(*there)
        .values(removed_at=now())
        .returning(IndexVersion.id)
        .execution_options(synchronize_session=False)
    ).all()
    if changed:
        details = {"index_version": version.id, "encoder": version.encoder}
        record(session, "remove-index", person_id=person_id, pool_id=version.pool_id, details=details)


def _pinned(count: int, days: int) -> str:
    reviews, them = ("1 review keeps", "it") if count == 1 else (f"{count:,} reviews keep", "them")
    rest = f", or wait until nobody has worked on {them} for {days} days" if days else ""
    return f"{reviews} to this index version: move {them} over first (V in the review){rest}."
