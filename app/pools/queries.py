"""Pools, their classes, folders and images, as the database knows them. Nothing here commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.names import checked_name, name_key
from app.pools.errors import ClassExists, ClassNotFound, ImageNotFound, PoolExists, PoolNotFound
from app.pools.held import path_in_pool
from app.tables import Folder, Image, ImagePath, Label, LabelClass, Pool, PoolImage, Unreadable
from app.words import ACCEPT


@dataclass(frozen=True)
class PoolLine:
    id: int
    name: str
    classes_per_image: str  # "one" or "several"


@dataclass(frozen=True)
class PoolCounts:
    images: int
    classes: int
    labelled: int  # images accepted for at least one class


@dataclass(frozen=True)
class ClassLine:
    id: int
    name: str
    accepted: int = 0  # images with this label


@dataclass(frozen=True)
class ImageLine:
    """An image as a pool shows it."""

    id: int
    sha256: str
    path: str
    width: int
    height: int
    labels: tuple[str, ...]  # the classes it is accepted for, by name


@dataclass(frozen=True)
class PlaceLine:
    """One path of an image."""

    pool: str
    path: str
    missing_since: datetime | None


@dataclass(frozen=True)
class Original:
    """One file that held an image's bytes when it was imported."""

    location: str  # of the folder
    path: str  # with "#17" for a record
    record: int | None
    size: int
    mtime_ns: int
    format: str


@dataclass(frozen=True)
class UnreadableLine:
    id: int
    folder: str
    path: str
    reason: str
    noticed_at: datetime


@dataclass(frozen=True)
class LostLine:
    """An image that lies nowhere any more."""

    id: int
    sha256: str
    folder: str
    path: str
    missing_since: datetime


def pools(session: Session) -> list[tuple[PoolLine, PoolCounts]]:
    """Return all pools by name, with their counts."""
    images = select(func.count()).where(PoolImage.pool_id == Pool.id).scalar_subquery()
    classes = select(func.count()).where(LabelClass.pool_id == Pool.id).scalar_subquery()
    labelled = (
        select(func.count(Label.image_id.distinct()))
        .join(LabelClass, LabelClass.id == Label.class_id)
        .where(LabelClass.pool_id == Pool.id, Label.value == ACCEPT)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Pool.id, Pool.name, Pool.classes_per_image, images, classes, labelled).order_by(Pool.name_key)
    )
    return [(PoolLine(*row[:3]), PoolCounts(*row[3:])) for row in rows]


def pool_named(session: Session, name: str) -> PoolLine:
    """Return the pool of this name, whatever its case. Raises PoolNotFound."""
    row = session.execute(
        select(Pool.id, Pool.name, Pool.classes_per_image).where(Pool.name_key == name_key(name))
    ).one_or_none()
    if row is None:
        raise PoolNotFound(f"There is no pool “{name}”.")
    return PoolLine(row.id, row.name, "one" if row.classes_per_image == "one" else "several", row.created_at)


def create_pool(session: Session, *, name: str, classes_per_image: str = "one") -> PoolLine:
    """Make a pool. Raises BadName, and PoolExists if one of this name is there, be it in another case."""
    name = checked_name(name)
    try:
        with session.begin_nested():
            pool = Pool(name=name, name_key=name_key(name), classes_per_image=classes_per_image)
            session.add(pool)
    except IntegrityError as error:
        existing = pool_named(session, name)
        raise PoolExists(f"There is already a pool “{existing.name}”.") from error
    return PoolLine(pool.id, pool.name, pool.classes_per_image)


def folders_of(session: Session, *, pool_id: int) -> list[str]:
    """Return where a pool's folders lie, the first imported first."""
    return list(session.scalars(select(Folder.location).where(Folder.pool_id == pool_id).order_by(Folder.id)))


def known_locations(session: Session) -> set[str]:
    """Return the locations of all imported folders of all pools."""
    return set(session.scalars(select(Folder.location)))


def classes(session: Session, *, pool_id: int) -> list[ClassLine]:
    """Return a pool's classes by name."""
    accepted = (
        select(func.count()).where(Label.class_id == LabelClass.id, Label.value == ACCEPT).scalar_subquery()
    )
    rows = session.execute(
        select(LabelClass.id, LabelClass.name, accepted)
        .where(LabelClass.pool_id == pool_id)
        .order_by(LabelClass.name_key)
    )
    return [ClassLine(*row) for row in rows]


def class_named(session: Session, *, pool_id: int, name: str) -> ClassLine:
    """Return the pool's class of this name, whatever its case. Raises ClassNotFound."""
    row = session.execute(
        select(LabelClass.id, LabelClass.name).where(
            LabelClass.pool_id == pool_id, LabelClass.name_key == name_key(name)
        )
    ).one_or_none()
    if row is None:
        raise ClassNotFound(f"This pool has no class “{name}”.")
    return ClassLine(*row)
