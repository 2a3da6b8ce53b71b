"""What the home page and a pool's page tell about the state of the work."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from app.pools.queries import listed_classes
from app.tables import Folder, Image, ImagePath, Job, PoolImage, Unreadable
from app.verdicts.queries import counts_by_class
from app.words import QUEUED, RUNNING, VERDICTS


@dataclass(frozen=True)
class CountedClass:
    name: str
    accepted: int
    rejected: int
    unsure: int


@dataclass(frozen=True)
class FilesLine:
    folders: tuple[str, ...]  # where they lie, oldest first
    unreadable: int
    missing: int  # images that lie nowhere any more


@dataclass(frozen=True)
class JobLine:
    id: int
    kind: str
    state: str


def image_count(session: Session, *, pool_id: int) -> int:
    """Count a pool's images."""
    return session.scalars(select(func.count()).where(PoolImage.pool_id == pool_id)).one()


def sample_images(session: Session, *, pool_id: int, count: int) -> list[str]:
    """Return the SHA-256 of up to `count` images spread evenly over a pool, in the order of their import."""
    first, last = session.execute(
        select(func.min(PoolImage.image_id), func.max(PoolImage.image_id)).where(PoolImage.pool_id == pool_id)
    ).one()
    if first is None:
        return []
    step = max(1, (last - first) // count)
    marks = [
        select(func.min(PoolImage.image_id))
        .where(PoolImage.pool_id == pool_id, PoolImage.image_id >= first + number * step)
        .scalar_subquery()
        for number in range(count)
    ]
    return list(session.scalars(select(Image.sha256).where(Image.id.in_(marks)).order_by(Image.id)))


def classes(session: Session, *, pool_id: int) -> list[CountedClass]:
    """Return a pool's classes by name, with the labels in force."""
    counts = counts_by_class(session, pool_id=pool_id)
    return [
        CountedClass(line.name, *(counts.get(line.id, {}).get(value, 0) for value in VERDICTS))
        for line in listed_classes(session, pool_id=pool_id)
    ]


def files(session: Session, *, pool_id: int) -> FilesLine:
    """Return a pool's folders and how many of their files cannot be read, or images are gone."""
    of_pool = Folder.pool_id == pool_id
    unreadable = select(func.count()).select_from(Unreadable).join(Folder, Folder.id == Unreadable.folder_id)
    elsewhere = aliased(ImagePath)
    missing = (
        select(func.count(ImagePath.image_id.distinct()))
        .join(Folder, Folder.id == ImagePath.folder_id)
        .where(~exists().where(elsewhere.image_id == ImagePath.image_id, elsewhere.missing_since.is_(None)))
    )
    return FilesLine(
        tuple(session.scalars(select(Folder.location).where(of_pool).order_by(Folder.id))),
        session.scalars(unreadable.where(of_pool)).one(),
        session.scalars(missing.where(of_pool, ImagePath.missing_since.is_not(None))).one(),
    )


def active_jobs(session: Session, *, pool_id: int) -> list[JobLine]:
    """Return a pool's jobs that wait or run, the oldest first."""
    rows = session.execute(
        select(Job.id, Job.kind, Job.state)
        .where(Job.pool_id == pool_id, Job.state.in_((QUEUED, RUNNING)))
        .order_by(Job.id)
    )
    return [JobLine(*row) for row in rows]
