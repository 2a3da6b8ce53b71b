"""Images of a pool, page by page, and where their bytes lie. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.pools.errors import ImageNotFound
from app.pools.held import path_in_pool
from app.tables import Folder, Image, ImagePath, Label, LabelClass, Member, Pool, PoolImage
from app.words import ACCEPT


@dataclass(frozen=True)
class PooledImage:
    """An image as a pool shows it."""

    id: int
    sha256: str
    path: str
    width: int
    height: int
    labels: tuple[str, ...]  # the classes it is accepted for, by name


@dataclass(frozen=True)
class ImageLine:
    id: int
    sha256: str
    width: int
    height: int
    format: str


@dataclass(frozen=True)
class PlaceLine:
    """One path of an image in a pool."""

    pool: str
    path: str
    missing_since: datetime | None


@dataclass(frozen=True)
class Original:
    """One file that held an image's bytes when it was imported."""

    location: str  # of the folder
    path: str  # within it; with "#17" for a record
    record: int | None
    size: int
    mtime_ns: int

    @property
    def file(self) -> str:
        """The file's path within the folder."""
        return self.path if self.record is None else self.path.rpartition("#")[0]


def images_page(
    session: Session, *, pool_id: int, limit: int, after: int = 0, path: str | None = None
) -> list[PooledImage]:
    """Return images in the order of their import, beyond the id `after`.

    With `path`, those that have a path which holds this text, in whatever case.
    """
    chosen = (
        select(Image.id, Image.sha256, path_in_pool(Image.id, pool_id=pool_id), Image.width, Image.height)
        .join(PoolImage, PoolImage.image_id == Image.id)
        .where(PoolImage.pool_id == pool_id, PoolImage.image_id > after)
        .order_by(PoolImage.image_id)
        .limit(limit)
    )
    if path:
        holders = (
            select(ImagePath.image_id)
            .join(Folder, Folder.id == ImagePath.folder_id)
            .where(Folder.pool_id == pool_id, ImagePath.path.icontains(path, autoescape=True))
        )
        chosen = chosen.where(Image.id.in_(holders))
    rows = session.execute(chosen).all()
    labels = _labels(session, pool_id=pool_id, image_ids=[row.id for row in rows])
    return [PooledImage(*row, labels=tuple(labels.get(row.id, ()))) for row in rows]


def image_by_hash(session: Session, sha256: str) -> ImageLine:
    """Return the image. Raises ImageNotFound."""
    row = session.execute(
        select(Image.id, Image.sha256, Image.width, Image.height, Image.format).where(Image.sha256 == sha256)
    ).one_or_none()
    if row is None:
        raise ImageNotFound
    return ImageLine(*row)


def places_of(session: Session, *, image_id: int, only: int | None = None) -> list[PlaceLine]:
    """Return all paths of an image, present ones first; or those in pools that one person, by id, is a member of."""
    found = (
        select(Pool.name, ImagePath.path, ImagePath.missing_since)
        .join(Folder, Folder.id == ImagePath.folder_id)
        .join(Pool, Pool.id == Folder.pool_id)
        .where(ImagePath.image_id == image_id)
        .order_by(ImagePath.missing_since.is_not(None), Pool.name_key, ImagePath.path)
    )
    if only is not None:
        found = found.join(Member, and_(Member.pool_id == Pool.id, Member.person_id == only))
    return [PlaceLine(*row) for row in session.execute(found)]


def originals_of(
    session: Session, *, image_id: int, pool_id: int | None = None, only: int | None = None
) -> list[Original]:
    """Return the files to read an image from; those found missing come last: they may be back.

    `pool_id` limits them to one pool, `only` to those that one person, by id, is a member of.
    """
    found = (
        select(Folder.location, ImagePath.path, ImagePath.record, ImagePath.size, ImagePath.mtime_ns)
        .join(Folder, Folder.id == ImagePath.folder_id)
        .where(ImagePath.image_id == image_id)
        .order_by(ImagePath.missing_since.is_not(None), ImagePath.id)
    )
    if pool_id is not None:
        found = found.where(Folder.pool_id == pool_id)
    if only is not None:
        found = found.join(Member, and_(Member.pool_id == Folder.pool_id, Member.person_id == only))
    return [Original(*row) for row in session.execute(found)]


def _labels(session: Session, *, pool_id: int, image_ids: Collection[int]) -> dict[int, list[str]]:
    rows = session.execute(
        select(Label.image_id, LabelClass.name)
        .join(LabelClass, LabelClass.id == Label.class_id)
        .where(LabelClass.pool_id == pool_id, Label.value == ACCEPT, Label.image_id.in_(image_ids))
        .order_by(LabelClass.name_key)
    )
    labels: dict[int, list[str]] = {}
    for image_id, name in rows:
        labels.setdefault(image_id, []).append(name)
    return labels
