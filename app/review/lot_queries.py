"""Lots in the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, exists, func, insert, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.pools.merged import final_class_id
from app.tables import Commit, Label, Lot, LotImage, Page, Verdict, now
from app.verdicts.queries import STANDS
from app.words import OPEN, REJECT


class LotNotFound(NotFound):
    """There is no such lot."""


@dataclass(frozen=True)
class LotLine:
    id: int
    review_id: int
    size: int
    looks: tuple[int, ...]
    confidence: float
    bound: float | None
    given_up: bool
    commit_id: int | None  # the commit in force by which the rest was accepted
    answer: dict[str, object] | None  # of that commit


def add_lot(
    session: Session,
    *,
    review_id: int,
    images: Sequence[tuple[int, float]],
    looks: Sequence[int],
    confidence: float,
) -> LotLine:
    """Store a lot of (image id, score), in the random order of its sample, and return it."""
    added = Lot(review_id=review_id, size=len(images), looks=list(looks), confidence=confidence)
    session.add(added)
    session.flush()
    session.execute(
        insert(LotImage),
        [
            {"lot_id": added.id, "position": position, "image_id": image_id, "score": score}
            for position, (image_id, score) in enumerate(images)
        ],
    )
    return lot(session, lot_id=added.id)


def lot(session: Session, *, lot_id: int, lock: bool = False) -> LotLine:
    """Return a lot; with `lock`, one request at a time changes it. Raises LotNotFound."""
    if lock:
        session.execute(select(Lot.id).where(Lot.id == lot_id).with_for_update())
    row = session.execute(
        select(
            Lot.id,
            Lot.review_id,
            Lot.size,
            Lot.looks,
            Lot.confidence,
            Lot.bound,
            Lot.given_up_at.is_not(None),
            Commit.id,
            Commit.answer,
        )
        .outerjoin(Commit, and_(Commit.lot_id == Lot.id, Commit.kind == "lot", STANDS))
        .where(Lot.id == lot_id)
    ).one_or_none()
    if row is None:
        raise LotNotFound
    return LotLine(row[0], row[1], row[2], tuple(row[3]), *row[4:])


def give_up(session: Session, *, lot_id: int) -> None:
    """Let a lot go; what was decided of its sample stays."""
    session.get_one(Lot, lot_id).given_up_at = now()
    session.flush()


def state_bound(session: Session, *, lot_id: int, bound: float) -> None:
    """Keep what was stated when the rest of a lot was accepted."""
    session.get_one(Lot, lot_id).bound = bound
    session.flush()


def images(session: Session, *, lot_id: int, first: int = 0, last: int | None = None) -> list[tuple[int, float]]:
    """Return (image id, score) of a lot's images from position `first` to before `last`, in its random order."""
    statement = select(LotImage.image_id, LotImage.score).where(LotImage.lot_id == lot_id, LotImage.position >= first)
    if last is not None:
        statement = statement.where(LotImage.position < last)
    return [(image_id, score) for image_id, score in session.execute(statement.order_by(LotImage.position))]


def sample_pages(session: Session, *, lot_id: int) -> list[int]:
    """Return the pages of a lot's sample, in the order of making."""
    return list(session.scalars(select(Page.id).where(Page.lot_id == lot_id).order_by(Page.number)))


def lock_sample(session: Session, *, lot_id: int) -> None:
    """Take turns with those who commit or undo the pages of a lot's sample: they hold a page before the lot."""
    session.execute(select(Page.id).where(Page.lot_id == lot_id).order_by(Page.id).with_for_update()).all()


def sampled(session: Session, *, lot_id: int) -> dict[str, int]:
    """Count what was found on the committed pages of a lot's sample, by verdict.

    Of an image that somebody else had decided meanwhile, that is their verdict; a label of another class is a reject.
    """
    rows = session.execute(
        select(Verdict.value, func.count())
        .join(Commit, Commit.id == Verdict.commit_id)
        .join(Page, Page.id == Commit.page_id)
        .where(Page.lot_id == lot_id, STANDS)
        .group_by(Verdict.value)
    )
    found = Counter(dict(rows.all()))
    answers = session.execute(
        select(Commit.answer, Commit.class_id)
        .join(Page, Page.id == Commit.page_id)
        .where(Page.lot_id == lot_id, STANDS)
    )
    for answer, class_id in answers:
        for image in (answer or {}).get("by_others", []):
            same = final_class_id(session, image["class_id"]) == final_class_id(session, class_id)
            found[image["value"] if same else REJECT] += 1
    return found


def underway(session: Session, *, review_id: int) -> int | None:
    """Return the lot of a review that is being looked at or waits to be judged, the latest; or None."""
    accepted = exists().where(Commit.lot_id == Lot.id, Commit.kind == "lot", STANDS)
    return session.scalar(
        select(func.max(Lot.id)).where(Lot.review_id == review_id, Lot.given_up_at.is_(None), ~accepted)
    )


def last_accepted(session: Session, *, review_id: int) -> tuple[int | None, int | None]:
    """Return the lot of a review that was accepted last, and the commit in force that did it."""
    row = session.execute(
        select(Commit.lot_id, Commit.id)
        .where(Commit.review_id == review_id, Commit.kind == "lot", STANDS)
        .order_by(Commit.id.desc())
        .limit(1)
    ).one_or_none()
    return (None, None) if row is None else (row[0], row[1])


def undecided(session: Session, *, lot: LotLine, class_id: int, others: Collection[int]) -> list[tuple[int, float]]:
    """Return (image id, score) of the images of a lot that have no label for its class, nor are among `others`."""
    decided = exists().where(Label.image_id == LotImage.image_id, Label.class_id == class_id, Label.value != OPEN)
    rows = session.execute(
        select(LotImage.image_id, LotImage.score).where(LotImage.lot_id == lot.id, ~decided).order_by(LotImage.position)
    )
    left_out = set(others)
    return [(image_id, score) for image_id, score in rows if image_id not in left_out]
