"""Pages and their tiles in the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Integer, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.errors import NotFound
from app.phrases import fixed, insert_rows
from app.pools.held import path_in_pool
from app.tables import Commit, Image, Label, Page, PageCandidate, Review, Verdict, now
from app.verdicts.queries import STANDS
from app.words import ACCEPT, NEXT, SECOND, SEEN, STACK, PageKind, VerdictValue


class PageNotFound(NotFound):
    """There is no such page."""


@dataclass(frozen=True)
class PageLine:
    id: int
    review_id: int
    number: int
    kind: PageKind
    once_more: bool  # it shows what has been accepted already, and leases nothing
    skipped: int  # undecided images that came before it in the order
    lot_id: int | None
    like_image_id: int | None
    set_aside_at: datetime | None
    leased_until: datetime | None  # until then nobody else is shown its images; None where it leases nothing
    commit_id: int | None  # the commit in force; an open page has none
    answer: dict[str, Any] | None  # of that commit


@dataclass(frozen=True)
class NewTile:
    """A tile about to be stored, with the images of the stack that it stands for."""

    image_id: int
    score: float
    planted: bool = False
    beneath: tuple[tuple[int, float], ...] = ()  # (image id, score)


@dataclass(frozen=True)
class Picture:
    """One image of a page, on top or beneath."""

    image_id: int
    image: str
    path: str
    score: float
    width: int
    height: int


@dataclass(frozen=True)
class Tile:
    """A tile as it is shown."""

    picture: Picture
    planted: bool
    beneath: list[Picture] = field(default_factory=list)


class PageCommit(NamedTuple):
    """A commit of a page, undone or not."""

    id: int
    key: str | None
    body_digest: str | None
    answer: dict[str, Any] | None


_LINES = (
    select(
        Page.id,
        Page.review_id,
        Page.number,
        Page.kind,
        or_(Page.kind == fixed(SECOND), Review.kind == fixed(SECOND)),
        Page.skipped,
        Page.lot_id,
        Page.like_image_id,
        Page.set_aside_at,
        Page.leased_until,
        Commit.id,
        Commit.answer,
    )
    .join(Review, Review.id == Page.review_id)
    .outerjoin(Commit, and_(Commit.page_id == Page.id, STANDS))
    .order_by(Page.number)
)
_PAGE = _LINES.where(Page.id == bindparam("page"))
_PAGES = _LINES.where(Page.review_id == bindparam("review"), Page.set_aside_at.is_(None))
_HOLD_PAGE = select(Page.id).where(Page.id == bindparam("page")).with_for_update()
_OLDEST_OPEN = _LINES.where(
    Page.review_id == bindparam("review"), Page.set_aside_at.is_(None), Commit.id.is_(None)
).limit(1)
_COMMITS = (
    select(Commit.id, Commit.key, Commit.body_digest, Commit.answer)
    .where(Commit.page_id == bindparam("page"))
    .order_by(Commit.id)
)
_LAST_ANSWERS = (
    select(Commit.answer)
    .join(Page, Page.id == Commit.page_id)
    .where(Commit.review_id == bindparam("review"), Commit.kind == fixed("page"), Page.kind == fixed(NEXT), STANDS)
    .order_by(Commit.id.desc())
    .limit(bindparam("count", type_=Integer))
)
_CLOSE = update(Page).where(Page.id == bindparam("page")).values(set_aside_at=None, leased_until=None)
_earlier = aliased(Page)
_NEXT_NUMBER = (
    select(func.coalesce(func.max(_earlier.number), 0) + 1)
    .where(_earlier.review_id == bindparam("review"))
    .scalar_subquery()
)
_ADD = insert(Page).values(review_id=bindparam("review"), number=_NEXT_NUMBER).returning(Page.id, Page.number)
_TILES = (
    select(
        PageCandidate.position,
        PageCandidate.beneath,
        PageCandidate.planted,
        Image.id,
        Image.sha256,
        path_in_pool(Image.id, pool_id=bindparam("pool")),
        PageCandidate.score,
        Image.width,
        Image.height,
    )
    .join(Image, Image.id == PageCandidate.image_id)
    .where(PageCandidate.page_id == bindparam("page"))
    .order_by(PageCandidate.position)
)


def pages(session: Session, *, review_id: int) -> list[PageLine]:
    """Return the pages of a review that were not set aside, in the order of making."""
    return [_line(row) for row in session.connection().execute(_PAGES, {"review": review_id})]


def page(session: Session, *, page_id: int, lock: bool = False) -> PageLine:
    """Return a page; with `lock`, one request at a time commits it. Raises PageNotFound."""
    if lock:
        # Apart from the reading below: a statement that waited for the lock would still see the commits as
        # they were when it began to wait.
        session.connection().execute(_HOLD_PAGE, {"page": page_id})
    found = session.connection().execute(_PAGE, {"page": page_id}).first()
    if found is None:
        raise PageNotFound
    return _line(found)


def oldest_open_page(session: Session, *, review_id: int) -> PageLine | None:
    """Return the first page of a review that is open, or None."""
    first = session.connection().execute(_OLDEST_OPEN, {"review": review_id}).first()
    return None if first is None else _line(first)


def set_aside(session: Session, *, page_id: int) -> None:
    """Let an open page go: its candidates are ranked again, for anybody, and it is not asked for any more."""
    # Not if another window has stored it just now. One that is storing it is waited for; the next statement sees it.
    session.connection().execute(_HOLD_PAGE, {"page": page_id})
    committed = exists().where(Commit.page_id == Page.id, STANDS)
    session.execute(update(Page).where(Page.id == page_id, ~committed).values(set_aside_at=now(), leased_until=None))


def close(session: Session, *, page_id: int) -> None:
    """Let a page that was just committed be one of the review's pages, were it set aside or not, and end its lease."""
    session.connection().execute(_CLOSE, {"page": page_id})


def last_answers(session: Session, *, review_id: int, count: int) -> list[dict[str, Any]]:
    """Return what the last commits in force were answered, of pages that follow the order, the oldest first."""
    rows = session.connection().execute(_LAST_ANSWERS, {"review": review_id, "count": count}).scalars()
    return [answer for answer in rows if answer is not None][::-1]


def add_page(
    session: Session,
    *,
    review_id: int,
    tiles: Sequence[NewTile],
    kind: PageKind = NEXT,
    leased_until: datetime | None,
    skipped: int = 0,
    lot_id: int | None = None,
    like_image_id: int | None = None,
) -> PageLine:
    """Store an open page, its tiles in the order shown, and return it. What looks once more leases nothing."""
    given = {
        "review": review_id,
        "kind": kind,
        "skipped": skipped,
        "lot_id": lot_id,
        "like_image_id": like_image_id,
        "leased_until": leased_until,
    }
    page_id, number = session.connection().execute(_ADD, given).one()
    insert_rows(session.connection(), PageCandidate, [{"page_id": page_id, **row} for row in _rows(tiles)])
    return PageLine(
        id=page_id,
        review_id=review_id,
        number=number,
        kind=kind,
        once_more=leased_until is None,
        skipped=skipped,
        lot_id=lot_id,
        like_image_id=like_image_id,
        set_aside_at=None,
        leased_until=leased_until,
        commit_id=None,
        answer=None,
    )


def tiles(session: Session, *, page_id: int, pool_id: int) -> list[Tile]:
    """Return a page's tiles in the order shown."""
    rows = session.connection().execute(_TILES, {"page": page_id, "pool": pool_id})
    shown: dict[int, Tile] = {}
    for position, beneath, planted, image_id, image, path, score, width, height in rows:
        picture = Picture(image_id, image, path, score, width, height)
        if beneath is None:
            shown[position] = Tile(picture, planted)
        else:
            shown[beneath].beneath.append(picture)
    return list(shown.values())


def labels_on(session: Session, *, page_id: int, class_id: int) -> dict[str, list[str]]:
    """Return the images of a page by their verdict in force for a class, those that have none left out."""
    rows = session.execute(
        select(Label.value, Image.sha256)
        .join(PageCandidate, PageCandidate.image_id == Label.image_id)
        .join(Image, Image.id == Label.image_id)
        .where(PageCandidate.page_id == page_id, Label.class_id == class_id)
        .order_by(PageCandidate.position)
    )
    by_value: dict[str, list[str]] = {}
    for value, image in rows:
        by_value.setdefault(value, []).append(image)
    return by_value


def last_verdicts(session: Session, *, page_id: int) -> dict[str, list[str]]:
    """Return what the page's latest commit rejected and left unsure, undone or not: {value: image ids in hex}."""
    last = select(func.max(Commit.id)).where(Commit.page_id == page_id).scalar_subquery()
    rows = session.execute(
        select(Verdict.value, Image.sha256)
        .join(Image, Image.id == Verdict.image_id)
        # What lies beneath a tile that was not opened follows it by itself.
        .where(Verdict.commit_id == last, Verdict.value != ACCEPT, Verdict.basis != STACK)
        .order_by(Verdict.id)
    )
    marks: dict[str, list[str]] = {}
    for value, image in rows:
        marks.setdefault(value, []).append(image)
    return marks


def opened_stacks(session: Session, *, page_id: int) -> list[str]:
    """Return the tiles whose stack the page's latest commit judged image by image."""
    last = select(func.max(Commit.id)).where(Commit.page_id == page_id).scalar_subquery()
    below, top = aliased(PageCandidate), aliased(PageCandidate)
    return list(
        session.scalars(
            select(Image.sha256)
            .distinct()
            .join(top, top.image_id == Image.id)
            .join(below, and_(below.page_id == top.page_id, below.beneath == top.position))
            .join(Verdict, Verdict.image_id == below.image_id)
            .where(top.page_id == page_id, top.beneath.is_(None), Verdict.commit_id == last, Verdict.basis == SEEN)
        )
    )


def page_commits(session: Session, *, page_id: int) -> list[PageCommit]:
    """Return all commits of a page, undone or not, the earliest first."""
    return [PageCommit(*row) for row in session.connection().execute(_COMMITS, {"page": page_id})]


def seen_twice(session: Session, *, review_id: int) -> list[int]:
    """Return the images that a second look of this review has shown, and that were committed."""
    return list(
        session.scalars(
            select(PageCandidate.image_id)
            .join(Page, Page.id == PageCandidate.page_id)
            .join(Commit, Commit.page_id == Page.id)
            .where(Page.review_id == review_id, Page.kind == SECOND, STANDS)
        )
    )


def given_by(session: Session, *, review_id: int, class_id: int, value: VerdictValue) -> list[int]:
    """Return the images whose verdict in force for the class this review gave."""
    return list(
        session.scalars(
            select(Label.image_id)
            .join(Verdict, Verdict.id == Label.verdict_id)
            .join(Commit, Commit.id == Verdict.commit_id)
            .where(Label.class_id == class_id, Label.value == value, Commit.review_id == review_id)
            .order_by(Label.verdict_id)
        )
    )


def _rows(tiles: Sequence[NewTile]) -> Iterable[dict[str, Any]]:
    # Those beneath come after all tiles, so that tiles are numbered as they are shown.
    position = len(tiles)
    for number, tile in enumerate(tiles):
        yield _row(number, tile.image_id, tile.score, planted=tile.planted, beneath=None)
        for image_id, score in tile.beneath:
            yield _row(position, image_id, score, planted=False, beneath=number)
            position += 1


def _row(position: int, image_id: int, score: float, *, planted: bool, beneath: int | None) -> dict[str, Any]:
    return {"position": position, "image_id": image_id, "score": score, "planted": planted, "beneath": beneath}


def _line(row: Sequence[Any]) -> PageLine:
    return PageLine(*row)
