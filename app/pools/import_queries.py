"""What an import asks of the database and writes into it. Nothing here commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from app.pools.reading import Picture
from app.tables import Folder, Image, ImagePath, PoolImage, Table, Unreadable, now

# PostgreSQL's number of the turn that imports take; any number that means nothing else.
_TURN = 7_460_158

NEW, KNOWN, DUPLICATE, MOVED = "new", "known", "duplicate", "moved"


@dataclass(frozen=True, slots=True)
class Place:
    """A path of a folder, and the image that lies there, or lay there last."""

    id: int
    path: str
    size: int
    mtime_ns: int
    missing: bool
    sha256: str


@dataclass(frozen=True)
class Stored:
    """What a batch of pictures came to."""

    paths: Counter[str] = field(default_factory=Counter)  # how many are NEW, KNOWN, DUPLICATE, MOVED
    labelled: dict[str, set[int]] = field(default_factory=dict)  # the newly placed images by their file's class


def take_turns(session: Session) -> None:
    """Wait until no other import writes: two that store the same pictures in another order would wait for each other.

    All else goes on meanwhile: no pool is held, so an import that waits for a pool whose rule is being changed holds up
    none but other imports.
    """
    # On SQLite, whoever writes is alone.
    if session.connection().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_TURN)))


def enter_folder(session: Session, *, pool_id: int, location: str) -> int:
    """Return the id of the pool's folder at this location, made if it is new."""
    known = select(Folder.id).where(Folder.pool_id == pool_id, Folder.location == location)
    folder_id = session.scalars(known).one_or_none()
    if folder_id is None:
        folder = Folder(pool_id=pool_id, location=location)
        session.add(folder)
        session.flush()
        folder_id = folder.id
    return folder_id


def known_places(session: Session, *, folder_id: int) -> dict[str, Place]:
    """Return what is known of each path of a folder: the image that lies there, else the last that lay there."""
    rows = session.execute(
        select(ImagePath.id, ImagePath.path, ImagePath.size, ImagePath.mtime_ns, ImagePath.missing_since, Image.sha256)
        .join(Image, Image.id == ImagePath.image_id)
        .where(ImagePath.folder_id == folder_id)
        .order_by(ImagePath.missing_since)
    ).all()
    missing = {row.path: row for row in rows if row.missing_since is not None}
    present = {row.path: row for row in rows if row.missing_since is None}
    return {
        path: Place(row.id, path, row.size, row.mtime_ns, row.missing_since is not None, row.sha256)
        for path, row in (missing | present).items()
    }


def mark_missing(session: Session, *, place_ids: Collection[int]) -> None:
    moment = now()
    _update_places(session, [{"place_id": place_id, "missing_since": moment} for place_id in place_ids])


def mark_found(session: Session, *, place_ids: Collection[int]) -> None:
    _update_places(session, [{"place_id": place_id, "missing_since": None} for place_id in place_ids])


def forget_moved(session: Session, *, pool_id: int) -> None:
    """Delete the places that images of a pool have left while they lie at another one in it."""
    folders = select(Folder.id).where(Folder.pool_id == pool_id)
    elsewhere = aliased(ImagePath)
    lies_elsewhere = exists().where(
        elsewhere.image_id == ImagePath.image_id,
        elsewhere.folder_id.in_(folders),
        elsewhere.missing_since.is_(None),
    )
    _delete_left_places(session, lies_elsewhere, pool_id=pool_id)


def store_pictures(session: Session, *, pool_id: int, folder_id: int, pictures: Sequence[Picture]) -> Stored:
    """Store pictures and where they lie; another image that lay there before is marked as missing.

    A path is NEW if its image is new to the pool, KNOWN if the same image lay there before, a DUPLICATE if the image
    also lies elsewhere in the pool, and else MOVED.
    """
    image_ids = _image_ids(session, pictures)
    at_path = {picture.source.path: image_ids[picture.sha256] for picture in pictures}
    replaced = _replace(session, folder_id=folder_id, at_path=at_path)
    pooled, lying = _standing_in_pool(session, pool_id=pool_id, image_ids={*at_path.values(), *replaced})
    places = _place_ids(session, folder_id=folder_id, paths=at_path)
    stored = Stored()
    newcomers, additions, changes = [], [], []
    for picture in pictures:
        source, image_id = picture.source, image_ids[picture.sha256]
        state = {"size": source.size, "mtime_ns": source.mtime_ns, "missing_since": None}
        if (source.path, image_id) in places:
            stored.paths[KNOWN] += 1
            lying.add(image_id)
            changes.append({"place_id": places[source.path, image_id], **state})
            continue
        if image_id not in pooled:
            stored.paths[NEW] += 1
            newcomers.append({"pool_id": pool_id, "image_id": image_id})
        else:
            stored.paths[DUPLICATE if image_id in lying else MOVED] += 1
        pooled.add(image_id)
        lying.add(image_id)
        place = {"folder_id": folder_id, "image_id": image_id, "path": source.path, "record": source.record}
        additions.append(place | state)
        if source.label is not None:
            stored.labelled.setdefault(source.label, set()).add(image_id)
    _insert(session, PoolImage, newcomers)
    _update_places(session, changes)
    _insert(session, ImagePath, additions)
    # Not by `forget_moved`: PostgreSQL knows nothing yet of the rows of this import, and would plan it badly.
    _delete_left_places(session, ImagePath.image_id.in_(lying), pool_id=pool_id)
    return stored


def store_unreadable(session: Session, *, pool_id: int, folder_id: int, reasons: Mapping[str, str]) -> None:
    """List paths as unreadable. An image that lay there before is marked as missing."""
    replaced = _replace(session, folder_id=folder_id, at_path=dict.fromkeys(reasons))
    _, lying = _standing_in_pool(session, pool_id=pool_id, image_ids=replaced)
    _delete_left_places(session, ImagePath.image_id.in_(lying), pool_id=pool_id)
    listed = {
        line.path: line
        for line in session.scalars(
            select(Unreadable).where(Unreadable.folder_id == folder_id, Unreadable.path.in_(reasons))
        )
    }
    for path, reason in reasons.items():
        if path not in listed:
            session.add(Unreadable(folder_id=folder_id, path=path, reason=reason))
        elif listed[path].reason != reason:
            listed[path].reason, listed[path].noticed_at = reason, now()
    session.flush()


def keep_unreadable(session: Session, *, folder_id: int, among: Collection[str]) -> None:
    """Take all other paths than these off the list of unreadable ones."""
    for line in session.scalars(select(Unreadable).where(Unreadable.folder_id == folder_id)):
        if line.path not in among:
            session.delete(line)


def forget_unreadable(session: Session, *, folder_id: int, paths: Collection[str]) -> None:
    """Take paths off the list of unreadable ones."""
    session.execute(delete(Unreadable).where(Unreadable.folder_id == folder_id, Unreadable.path.in_(paths)))


def count_unreadable(session: Session, *, folder_id: int) -> int:
    return session.scalars(select(func.count()).where(Unreadable.folder_id == folder_id)).one()


def count_missing(session: Session, *, folder_id: int) -> int:
    """Count the images of a folder that lie nowhere any more."""
    somewhere = aliased(ImagePath)
    return session.scalars(
        select(func.count(ImagePath.image_id.distinct())).where(
            ImagePath.folder_id == folder_id,
            ImagePath.missing_since.is_not(None),
            ~exists().where(somewhere.image_id == ImagePath.image_id, somewhere.missing_since.is_(None)),
        )
    ).one()


def _image_ids(session: Session, pictures: Sequence[Picture]) -> dict[str, int]:
    """Return the image ids by SHA-256, having stored the images that no pool held yet."""
    by_hash = {picture.sha256: picture for picture in pictures}
    ids = select(Image.sha256, Image.id).where(Image.sha256.in_(by_hash))
    known = {sha256 for sha256, _ in session.execute(ids)}
    _insert(
        session,
        Image,
        [
            {"sha256": sha256, "width": picture.width, "height": picture.height, "format": picture.format}
            for sha256, picture in by_hash.items()
            if sha256 not in known
        ],
    )
    return {row.sha256: row.id for row in session.execute(ids)}


def _replace(session: Session, *, folder_id: int, at_path: Mapping[str, int | None]) -> set[int]:
    """Mark as missing what lies at these paths, but for the image that is given there; return those images."""
    lying = session.execute(
        select(ImagePath.id, ImagePath.path, ImagePath.image_id).where(
            ImagePath.folder_id == folder_id, ImagePath.path.in_(at_path), ImagePath.missing_since.is_(None)
        )
    ).all()
    others = [row for row in lying if row.image_id != at_path[row.path]]
    mark_missing(session, place_ids=[row.id for row in others])
    return {row.image_id for row in others}


def _standing_in_pool(session: Session, *, pool_id: int, image_ids: Collection[int]) -> tuple[set[int], set[int]]:
    """Return which of the images the pool holds, and which of them lie at some path of it."""
    pooled = session.scalars(
        select(PoolImage.image_id).where(PoolImage.pool_id == pool_id, PoolImage.image_id.in_(image_ids))
    )
    lying = session.scalars(
        select(ImagePath.image_id)
        .join(Folder, Folder.id == ImagePath.folder_id)
        .where(Folder.pool_id == pool_id, ImagePath.image_id.in_(image_ids), ImagePath.missing_since.is_(None))
    )
    return set(pooled), set(lying)


def _delete_left_places(session: Session, condition: ColumnElement[bool], *, pool_id: int) -> None:
    folders = select(Folder.id).where(Folder.pool_id == pool_id)
    left = delete(ImagePath).where(ImagePath.missing_since.is_not(None), ImagePath.folder_id.in_(folders), condition)
    session.execute(left, execution_options={"synchronize_session": False})


def _place_ids(session: Session, *, folder_id: int, paths: Collection[str]) -> dict[tuple[str, int], int]:
    rows = session.execute(
        select(ImagePath.path, ImagePath.image_id, ImagePath.id).where(
            ImagePath.folder_id == folder_id, ImagePath.path.in_(paths)
        )
    )
    return {(path, image_id): place_id for path, image_id, place_id in rows}


def _update_places(session: Session, changes: list[dict[str, Any]]) -> None:
    """Set the columns that each change names, of the place `place_id`; a place that is gone stays gone."""
    if changes:
        # On the connection, because the session raises if a row is gone: another import may have settled it.
        session.connection().execute(update(ImagePath).where(ImagePath.id == bindparam("place_id")), changes)


def _insert(session: Session, table: type[Table], rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(table), rows)
