"""Pools, their classes and folders, and what went missing. Nothing here commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.history import record
from app.names import checked_name, name_key
from app.pools.errors import ClassExists, ClassMerged, ClassNotFound, PoolExists, PoolNotFound
from app.pools.merged import final_class_id
from app.tables import Folder, Image, ImagePath, Label, LabelClass, Member, Pool, PoolImage, Unreadable
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


@dataclass(frozen=True)
class UnreadableLine:
    """A file that could not be read."""

    id: int
    folder: str  # where the folder lies
    path: str
    reason: str
    noticed_at: datetime


@dataclass(frozen=True)
class LostLine:
    """An image that lies nowhere any more, and a path where it lay."""

    id: int  # of the path
    sha256: str
    folder: str
    path: str
    missing_since: datetime | None


def pools(session: Session, *, only: int | None = None) -> list[tuple[PoolLine, PoolCounts]]:
    """Return all pools by name, with their counts; or those that one person, by id, is a member of."""
    images = select(func.count()).where(PoolImage.pool_id == Pool.id).scalar_subquery()
    listed = (LabelClass.pool_id == Pool.id, LabelClass.merged_into_id.is_(None))
    classes = select(func.count()).where(*listed).scalar_subquery()
    labelled = (
        select(func.count(Label.image_id.distinct()))
        .join(LabelClass, LabelClass.id == Label.class_id)
        .where(LabelClass.pool_id == Pool.id, Label.value == ACCEPT)
        .scalar_subquery()
    )
    found = select(Pool.id, Pool.name, Pool.classes_per_image, images, classes, labelled).order_by(Pool.name_key)
    if only is not None:
        found = found.join(Member, and_(Member.pool_id == Pool.id, Member.person_id == only))
    return [
        (PoolLine(pool_id, name, classes_per_image), PoolCounts(image_count, class_count, labelled_count))
        for pool_id, name, classes_per_image, image_count, class_count, labelled_count in session.execute(found)
    ]


def pool_names(session: Session) -> list[str]:
    """Return the names of all pools, in their order."""
    return list(session.scalars(select(Pool.name).order_by(Pool.name_key)))


def pool_named(session: Session, name: str) -> PoolLine:
    """Return the pool of this name, whatever its case. Raises PoolNotFound."""
    row = session.execute(
        select(Pool.id, Pool.name, Pool.classes_per_image).where(Pool.name_key == name_key(name))
    ).one_or_none()
    if row is None:
        raise PoolNotFound(f"There is no pool “{name}”.")
    return PoolLine(*row)


def create_pool(
    session: Session, *, name: str, classes_per_image: str = "one", person_id: int | None = None
) -> PoolLine:
    """Make a pool. Raises BadName, and PoolExists if one of this name is there, be it in another case."""
    name = checked_name(name)
    try:
        with session.begin_nested():
            pool = Pool(name=name, name_key=name_key(name), classes_per_image=classes_per_image)
            session.add(pool)
    except IntegrityError as error:
        existing = pool_named(session, name)
        raise PoolExists(f"There is already a pool “{existing.name}”.") from error
    record(session, "make-pool", person_id=person_id, pool_id=pool.id, details={"name": name})
    return PoolLine(pool.id, pool.name, pool.classes_per_image)


def rename_pool(session: Session, *, pool: PoolLine, name: str, person_id: int) -> PoolLine:
    """Give a pool another name; the one it had is free again. Raises BadName and PoolExists."""
    name = checked_name(name)
    try:
        with session.begin_nested():
            session.execute(update(Pool).where(Pool.id == pool.id).values(name=name, name_key=name_key(name)))
    except IntegrityError as error:
        existing = pool_named(session, name)
        raise PoolExists(f"There is already a pool “{existing.name}”.") from error
    if name != pool.name:
        record(session, "rename-pool", person_id=person_id, pool_id=pool.id, details={"from": pool.name, "to": name})
    return PoolLine(pool.id, name, pool.classes_per_image)


def folders_of(session: Session, *, pool_id: int) -> list[str]:
    """Return where a pool's folders lie, the first imported first."""
    return list(session.scalars(select(Folder.location).where(Folder.pool_id == pool_id).order_by(Folder.id)))


def known_locations(session: Session, *, pool_id: int) -> set[str]:
    """Return the locations of a pool's imported folders."""
    return set(session.scalars(select(Folder.location).where(Folder.pool_id == pool_id)))


def locations_hidden_from(session: Session, *, person_id: int) -> list[str]:
    """Return the locations of the folders of all pools that a person is no member of."""
    own = select(Member.pool_id).where(Member.person_id == person_id)
    return list(session.scalars(select(Folder.location).where(Folder.pool_id.not_in(own))))


def classes(session: Session, *, pool_id: int) -> list[tuple[ClassLine, int]]:
    """Return a pool's classes by name, each with the number of images accepted for it."""
    accepted = select(func.count()).where(Label.class_id == LabelClass.id, Label.value == ACCEPT).scalar_subquery()
    rows = session.execute(
        select(LabelClass.id, LabelClass.name, accepted)
        .where(LabelClass.pool_id == pool_id, LabelClass.merged_into_id.is_(None))
        .order_by(LabelClass.name_key)
    )
    return [(ClassLine(*row[:2]), row[2]) for row in rows]


def listed_classes(session: Session, *, pool_id: int) -> list[ClassLine]:
    """Return a pool's classes by name, without those that were merged into others."""
    listed = (LabelClass.pool_id == pool_id, LabelClass.merged_into_id.is_(None))
    rows = session.execute(select(LabelClass.id, LabelClass.name).where(*listed).order_by(LabelClass.name_key))
    return [ClassLine(*row) for row in rows]


def class_named(session: Session, *, pool_id: int, name: str) -> ClassLine:
    """Return the pool's class of this name, whatever its case. Raises ClassNotFound.

    The name of a class that was merged means the class whose verdicts its own are now.
    """
    found, merged = _class_row(session, pool_id=pool_id, name=name)
    return class_by_id(session, final_class_id(session, found.id)) if merged else found


def class_of_its_own(session: Session, *, pool_id: int, name: str) -> ClassLine:
    """Return the class of this name, to be changed itself. Raises ClassNotFound and, if it was merged, ClassMerged."""
    found, merged = _class_row(session, pool_id=pool_id, name=name)
    if merged:
        raise ClassMerged(f"“{found.name}” was merged into “{class_named(session, pool_id=pool_id, name=name).name}”.")
    return found


def merged_class(session: Session, *, pool_id: int, name: str) -> ClassLine | None:
    """Return the merged class of this name, or None if it is no merged one. Raises ClassNotFound."""
    found, merged = _class_row(session, pool_id=pool_id, name=name)
    return found if merged else None


def class_by_id(session: Session, class_id: int) -> ClassLine:
    """Return a class, which must be there."""
    return ClassLine(*session.execute(select(LabelClass.id, LabelClass.name).where(LabelClass.id == class_id)).one())


def create_class(session: Session, *, pool_id: int, name: str, person_id: int | None = None) -> ClassLine:
    """Make a class. Raises BadName, and ClassExists if one of this name is there, be it in another case."""
    name = checked_name(name)
    try:
        with session.begin_nested():
            made = LabelClass(pool_id=pool_id, name=name, name_key=name_key(name))
            session.add(made)
    except IntegrityError as error:
        raise _name_taken(session, pool_id=pool_id, name=name) from error
    record(session, "make-class", person_id=person_id, pool_id=pool_id, class_id=made.id, details={"name": made.name})
    return ClassLine(made.id, made.name)


def rename_class(session: Session, *, pool_id: int, label_class: ClassLine, name: str, person_id: int) -> ClassLine:
    """Give a class another name; the one it had is free again. Raises BadName and ClassExists."""
    name = checked_name(name)
    # The pool before the class, as a merge or another rule does: the journal's entry below refers to the pool.
    session.execute(select(Pool.id).where(Pool.id == pool_id).with_for_update(read=True, key_share=True)).one()
    changed = update(LabelClass).where(LabelClass.id == label_class.id).values(name=name, name_key=name_key(name))
    try:
        with session.begin_nested():
            session.execute(changed)
    except IntegrityError as error:
        raise _name_taken(session, pool_id=pool_id, name=name) from error
    if name != label_class.name:
        record(
            session,
            "rename-class",
            person_id=person_id,
            pool_id=pool_id,
            class_id=label_class.id,
            details={"from": label_class.name, "to": name},
        )
    return ClassLine(label_class.id, name)


def unreadable_files(
    session: Session, *, pool_id: int, location: str | None = None, limit: int, after: int = 0
) -> list[UnreadableLine]:
    """Return files that could not be read, of one folder or all, by their ids, beyond the id `after`."""
    found = (
        select(Unreadable.id, Folder.location, Unreadable.path, Unreadable.reason, Unreadable.noticed_at)
        .join(Folder, Folder.id == Unreadable.folder_id)
        .where(Folder.pool_id == pool_id, Unreadable.id > after)
        .order_by(Unreadable.id)
        .limit(limit)
    )
    if location is not None:
        found = found.where(Folder.location == location)
    return [UnreadableLine(*row) for row in session.execute(found)]


def lost_images(
    session: Session, *, pool_id: int, location: str | None = None, limit: int, after: int = 0
) -> list[LostLine]:
    """Return the paths of images that lie nowhere any more, of one folder or all, beyond the id `after`."""
    somewhere = aliased(ImagePath)
    found = (
        select(ImagePath.id, Image.sha256, Folder.location, ImagePath.path, ImagePath.missing_since)
        .join(Folder, Folder.id == ImagePath.folder_id)
        .join(Image, Image.id == ImagePath.image_id)
        .where(
            Folder.pool_id == pool_id,
            ImagePath.missing_since.is_not(None),
            ~exists().where(somewhere.image_id == ImagePath.image_id, somewhere.missing_since.is_(None)),
            ImagePath.id > after,
        )
        .order_by(ImagePath.id)
        .limit(limit)
    )
    if location is not None:
        found = found.where(Folder.location == location)
    return [LostLine(*row) for row in session.execute(found)]


def _class_row(session: Session, *, pool_id: int, name: str) -> tuple[ClassLine, bool]:
    """Return the class that bears this name, and whether it was merged into another."""
    row = session.execute(
        select(LabelClass.id, LabelClass.name, LabelClass.merged_into_id).where(
            LabelClass.pool_id == pool_id, LabelClass.name_key == name_key(name)
        )
    ).one_or_none()
    if row is None:
        raise ClassNotFound(f"This pool has no class “{name}”.")
    return ClassLine(row.id, row.name), row.merged_into_id is not None


def _name_taken(session: Session, *, pool_id: int, name: str) -> ClassExists:
    bearer, merged = _class_row(session, pool_id=pool_id, name=name)
    if not merged:
        return ClassExists(f"This pool already has a class “{bearer.name}”.")
    into = class_by_id(session, final_class_id(session, bearer.id))
    return ClassExists(
        f"“{bearer.name}” was merged into “{into.name}”, and its name still means that class; "
        "take the merge back first, or choose another name."
    )
