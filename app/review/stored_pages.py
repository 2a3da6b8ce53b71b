"""A stored page as it was: what was shown, what was decided, by whom, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from app.review import page_queries
from app.review.committing import pictures_of
from app.tables import Commit, Person, Verdict


@dataclass(frozen=True)
class PageCommit:
    """One commit of a page, in force or undone."""

    id: int
    person: str
    at: datetime
    milliseconds: int | None  # that the page was looked at
    index_version_id: int | None  # that it was ranked by
    undone_by: str | None
    undone_at: datetime | None


@dataclass(frozen=True)
class StoredTile:
    """A tile or an image beneath one, with the verdict that the page's latest commit gave it."""

    image: str
    path: str
    score: float
    value: str | None  # none where it was planted, or nothing was stored
    planted: bool  # told once the page has been stored
    beneath: bool


def commits(session: Session, *, page_id: int) -> list[PageCommit]:
    """Return all commits of a page, the latest first."""
    undo, undoer = aliased(Commit), aliased(Person)
    rows = session.execute(
        select(
            Commit.id,
            Person.name,
            Commit.created_at,
            Commit.milliseconds,
            Commit.index_version_id,
            undoer.name,
            undo.created_at,
        )
        .join(Person, Person.id == Commit.person_id)
        .outerjoin(undo, undo.undoes_id == Commit.id)
        .outerjoin(undoer, undoer.id == undo.person_id)
        .where(Commit.page_id == page_id)
        .order_by(Commit.id.desc())
    )
    return [PageCommit(*row) for row in rows]


def tiles(session: Session, *, page_id: int, pool_id: int, commit_id: int | None) -> list[StoredTile]:
    """Return all images of a page in the order shown, those beneath a tile after it, as a commit decided them."""
    given = select(Verdict.image_id, Verdict.value).where(Verdict.commit_id == commit_id)
    values = dict(session.execute(given).all())
    return [
        StoredTile(
            picture.image,
            picture.path,
            picture.score,
            values.get(picture.image_id),
            planted=tile.planted and commit_id is not None,
            beneath=picture is not tile.picture,
        )
        for tile in page_queries.tiles(session, page_id=page_id, pool_id=pool_id)
        for picture in pictures_of(tile)
    ]
