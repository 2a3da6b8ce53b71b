"""What a pool's people have decided so far, as two index versions are compared by: labels, and past reviews."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.pools.merged import final_classes
from app.tables import Commit, Label, LabelClass, Pool, Review, ReviewQuery, Verdict
from app.verdicts.queries import STANDS
from app.words import ACCEPT, FIRST, REJECT


@dataclass(frozen=True)
class PastReview:
    """A review that accepted images, by image ids."""

    id: int
    class_id: int  # that it counts for
    wanted: list[int]  # whole images of the pool that it started from; parts and uploads have no vector elsewhere
    unwanted: list[int]
    accepted: list[int]  # by this review, and still


@dataclass(frozen=True)
class Decided:
    """The labels of a pool in force."""

    one_class_per_image: bool
    classes: dict[int, str]  # id -> name
    accepted: dict[int, set[int]]  # class id -> image ids
    rejected: dict[int, set[int]]


def decided(session: Session, *, pool_id: int) -> Decided:
    """Return what is accepted and rejected in a pool, for each of its classes."""
    one = session.scalars(select(Pool.classes_per_image).where(Pool.id == pool_id)).one() == "one"
    listed = select(LabelClass.id, LabelClass.name).where(
        LabelClass.pool_id == pool_id, LabelClass.merged_into_id.is_(None)
    )
    classes = dict(session.execute(listed.order_by(LabelClass.id)).all())
    found: dict[str, dict[int, set[int]]] = {value: {id: set() for id in classes} for value in (ACCEPT, REJECT)}
    rows = select(Label.class_id, Label.image_id, Label.value).where(
        Label.class_id.in_(classes), Label.value.in_(found)
    )
    for class_id, image_id, value in session.connection().execute(rows):
        found[value][class_id].add(image_id)
    return Decided(one, classes, found[ACCEPT], found[REJECT])


def past_reviews(session: Session, now_decided: Decided, *, pool_id: int, most: int) -> list[PastReview]:
    """Return the latest so many reviews of a pool that looked for images and accepted some, the latest first.

    One begun for a class that was merged since is a review of the class that it counts for.
    """
    final = final_classes(pool_id)
    accepting = (
        select(Commit.review_id)
        .join(Verdict, Verdict.commit_id == Commit.id)
        .where(Commit.pool_id == pool_id, Verdict.value == ACCEPT)
    )
    latest = (
        select(Review.id, final.c.final_id)
        .join(final, final.c.id == Review.class_id)
        .where(Review.pool_id == pool_id, Review.kind == FIRST)
        .where(Review.id.in_(accepting))
        .order_by(Review.id.desc())
        .limit(most)
    )
    return [_past(session, now_decided, *row) for row in session.execute(latest).all()]


def _past(session: Session, now_decided: Decided, review_id: int, class_id: int) -> PastReview:
    examples = session.execute(
        select(ReviewQuery.image_id, ReviewQuery.wanted)
        .where(ReviewQuery.review_id == review_id, ReviewQuery.image_id.is_not(None), ReviewQuery.vector.is_(None))
        .order_by(ReviewQuery.position)
    ).all()
    given = session.scalars(
        select(Verdict.image_id)
        .join(Commit, Commit.id == Verdict.commit_id)
        .where(Commit.review_id == review_id, Verdict.value == ACCEPT, STANDS)
    )
    return PastReview(
        review_id,
        class_id,
        wanted=[image for image, wanted in examples if image is not None and wanted],
        unwanted=[image for image, wanted in examples if image is not None and not wanted],
        accepted=sorted(set(given) & now_decided.accepted[class_id]),
    )
