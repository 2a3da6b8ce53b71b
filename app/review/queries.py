"""Reviews and their pages in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, insert, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.pools.held import path_in_pool
from app.tables import (
    Commit,
    Image,
    Label,
    LabelClass,
    Page,
    PageCandidate,
    Person,
    Pool,
    Review,
    ReviewQuery,
    Verdict,
)
from app.verdicts.queries import STANDS
from app.words import ACCEPT, UNSURE


class ReviewNotFound(NotFound):
    """There is no such review."""


class PageNotFound(NotFound):
    """There is no such page."""


@dataclass(frozen=True)
class ReviewLine:
    id: int
    pool_id: int
    pool: str
    classes_per_image: str
    class_id: int
    class_name: str
    person: str
    index_version_id: int  # that the review is pinned to
    created_at: datetime


@dataclass(frozen=True)
class QueryPicture:
    """One picture that a review starts from."""

    image_id: int | None
    sha256: str  # of the image, or of the upload
    vector: bytes | None

    @property
    def uploaded(self) -> bool:
        return self.image_id is None


@dataclass(frozen=True)
class PageLine:
    id: int
    review_id: int
    number: int
    commit_id: int | None  # the commit in force; an open page has none
    answer: dict[str, Any] | None  # of that commit


@dataclass(frozen=True)
class Candidate:
    image_id: int
    image: str
    path: str
    score: float
    width: int
    height: int


def review(session: Session, *, review_id: int, lock: bool = False) -> ReviewLine:
    """Return a review; with `lock`, one request at a time makes pages for it. Raises ReviewNotFound."""
    statement = (
        select(
            Review.id,
            Review.pool_id,
            Pool.name,
            Pool.classes_per_image,
            Review.class_id,
            LabelClass.name,
            Person.name,
            Review.index_version_id,
            Review.created_at,
        )
        .join(Pool, Pool.id == Review.pool_id)
        .join(LabelClass, LabelClass.id == Review.class_id)
        .join(Person, Person.id == Review.person_id)
        .where(Review.id == review_id)
    )
    row = session.execute(statement.with_for_update(of=Review) if lock else statement).one_or_none()
    if row is None:
        raise ReviewNotFound
    return ReviewLine(*row)


def add_review(
    session: Session,
    *,
    pool_id: int,
    class_id: int,
    person_id: int,
    index_version_id: int,
    query: Sequence[QueryPicture],
) -> int:
    """Store a review with the pictures it starts from and return its id."""
    added = Review(pool_id=pool_id, class_id=class_id, person_id=person_id, index_version_id=index_version_id)
    session.add(added)
    session.flush()
    for position, picture in enumerate(query):
        session.add(
            ReviewQuery(
                review_id=added.id,
                position=position,
                image_id=picture.image_id,
                upload_sha256=picture.sha256 if picture.uploaded else None,
                vector=picture.vector,
            )
        )
    session.flush()
    return added.id


def query_pictures(session: Session, *, review_id: int) -> list[QueryPicture]:
    """Return what a review starts from, in the order given."""
    rows = session.execute(
        select(ReviewQuery.image_id, func.coalesce(Image.sha256, ReviewQuery.upload_sha256), ReviewQuery.vector)
        .outerjoin(Image, Image.id == ReviewQuery.image_id)
        .where(ReviewQuery.review_id == review_id)
        .order_by(ReviewQuery.position)
    )
    return [QueryPicture(*row) for row in rows]


def pages(session: Session, *, review_id: int) -> list[PageLine]:
    """Return the pages of a review, in the order of making."""
    return _page_lines(session, Page.review_id == review_id)


def page(session: Session, *, page_id: int, lock: bool = False) -> PageLine:
    """Return a page; with `lock`, one request at a time commits it. Raises PageNotFound."""
    if lock:
        # Apart from the reading below: a statement that waited for the lock would still see the commits as
        # they were when it began to wait.
        session.execute(select(Page.id).where(Page.id == page_id).with_for_update())
    found = _page_lines(session, Page.id == page_id)
    if not found:
        raise PageNotFound
    return found[0]


def _page_lines(session: Session, condition: ColumnElement[bool]) -> list[PageLine]:
    rows = session.execute(
        select(Page.id, Page.review_id, Page.number, Commit.id, Commit.answer)
        .outerjoin(Commit, and_(Commit.page_id == Page.id, STANDS))
        .where(condition)
        .order_by(Page.number)
    )
    return [PageLine(*row) for row in rows]


def oldest_open_page(session: Session, *, review_id: int) -> int | None:
    """Return the first page of a review without a commit in force, or None."""
    committed = exists().where(Commit.page_id == Page.id, STANDS)
    return session.scalar(select(Page.id).where(Page.review_id == review_id, ~committed).order_by(Page.number).limit(1))


def last_answers(session: Session, *, review_id: int, count: int) -> list[dict[str, Any]]:
    """Return what the last commits in force were answered, the oldest first."""
    rows = session.scalars(
        select(Commit.answer)
        .where(Commit.review_id == review_id, Commit.kind == "page", STANDS)
        .order_by(Commit.id.desc())
        .limit(count)
    )
    return [answer for answer in rows if answer is not None][::-1]


def add_page(session: Session, *, review_id: int, candidates: Sequence[tuple[int, float]]) -> PageLine:
    """Store an open page of (image id, score), in the order shown, and return it."""
    last = session.scalar(select(func.max(Page.number)).where(Page.review_id == review_id)) or 0
    added = Page(review_id=review_id, number=last + 1)
    session.add(added)
    session.flush()
    session.execute(
        insert(PageCandidate),
        [
            {"page_id": added.id, "position": position, "image_id": image_id, "score": score}
            for position, (image_id, score) in enumerate(candidates)
        ],
    )
    return PageLine(added.id, review_id, added.number, commit_id=None, answer=None)


def candidates(session: Session, *, page_id: int, pool_id: int) -> list[Candidate]:
    """Return a page's tiles in the order shown."""
    rows = session.execute(
        select(
            Image.id,
            Image.sha256,
            path_in_pool(Image.id, pool_id=pool_id),
            PageCandidate.score,
            Image.width,
            Image.height,
        )
        .join(Image, Image.id == PageCandidate.image_id)
        .where(PageCandidate.page_id == page_id)
        .order_by(PageCandidate.position)
    )
    return [Candidate(*row) for row in rows]


def shown(session: Session, *, page_id: int) -> dict[str, tuple[int, float]]:
    """Return what a page showed, {image: (image id, score)}, in the order shown."""
    rows = session.execute(
        select(Image.sha256, Image.id, PageCandidate.score)
        .join(Image, Image.id == PageCandidate.image_id)
        .where(PageCandidate.page_id == page_id)
        .order_by(PageCandidate.position)
    )
    return {image: (image_id, score) for image, image_id, score in rows}


def unsure_in_review(session: Session, *, review_id: int, class_id: int) -> list[int]:
    """Return the images of the class that are unsure now because this review left them so."""
    return list(
        session.scalars(
            select(Label.image_id)
            .join(Verdict, Verdict.id == Label.verdict_id)
            .join(Commit, Commit.id == Verdict.commit_id)
            .where(Label.class_id == class_id, Label.value == UNSURE, Commit.review_id == review_id)
        )
    )


def last_verdicts(session: Session, *, page_id: int) -> dict[str, list[str]]:
    """Return what the page's latest commit rejected and left unsure, undone or not: {value: image ids in hex}."""
    last = select(func.max(Commit.id)).where(Commit.page_id == page_id).scalar_subquery()
    rows = session.execute(
        select(Verdict.value, Image.sha256)
        .join(Image, Image.id == Verdict.image_id)
        .where(Verdict.commit_id == last, Verdict.value != ACCEPT)
        .order_by(Verdict.id)
    )
    marks: dict[str, list[str]] = {}
    for value, image in rows:
        marks.setdefault(value, []).append(image)
    return marks


def page_commits(session: Session, *, page_id: int) -> list[Commit]:
    """Return all commits of a page, undone or not, the earliest first."""
    return list(session.scalars(select(Commit).where(Commit.page_id == page_id).order_by(Commit.id)))
