"""Leases in the database: what an open page shows is shown by no other review until the lease runs out.

A page leases its candidates, those beneath included; planted ones it does not, since no verdict comes of them. A lease
holds for the review's class, and for all classes where an image has but one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, exists, func, or_, select, union_all, update
from sqlalchemy.orm import Session

from app.pools.merged import counting_for
from app.review.queries import ReviewLine
from app.tables import Commit, Image, Label, LabelClass, Page, PageCandidate, Person, Review, Verdict, now
from app.verdicts.queries import in_batches
from app.words import ACCEPT, VERDICTS


def one_at_a_time(session: Session, *, review: ReviewLine) -> None:
    """Let nobody else take candidates that this review could take, until this transaction ends."""
    row: ColumnElement[int] | int = review.class_id
    if review.classes_per_image == "one":
        # The pool's first class stands for the pool, whose own row is held by imports, a batch at a time.
        row = select(func.min(LabelClass.id)).where(LabelClass.pool_id == review.pool_id).scalar_subquery()
    # What only refers to the row, as every commit does, neither waits nor is waited for.
    session.execute(select(LabelClass.id).where(LabelClass.id == row).with_for_update(key_share=True))


def leased_elsewhere(session: Session, *, review: ReviewLine) -> list[int]:
    """Return the images that other reviews have leased now, as far as this review could show them."""
    leased: list[int] = list(session.connection().execute(_leased(session, review)).scalars())
    return leased


def taken(session: Session, *, review: ReviewLine, image_ids: Collection[int]) -> set[int]:
    """Return which of these images another review has leased, or somebody has decided, by now."""
    found: set[int] = set()
    for ids in in_batches(image_ids):
        # In one statement: what goes from the one state to the other meanwhile is seen in either.
        statement: CompoundSelect[int] = union_all(
            # By no index of its own: an image lies on many old pages, and few pages are leased.
            _leased(session, review).where((PageCandidate.image_id + 0).in_(ids)),
            select(Label.image_id).where(Label.image_id.in_(ids), _decided(review)),
        )
        found.update(session.connection().scalars(statement).all())
    return found


def decided_by_others(
    session: Session, *, review: ReviewLine, image_ids: Collection[int], person_id: int
) -> dict[int, dict[str, Any]]:
    """Return the verdicts in force of other people on these images, by image id.

    Each tells its image, person, value, class and class_id. They are those for the review's class, and, where an image
    has but one, an acceptance for another.
    """
    found: dict[int, dict[str, Any]] = {}
    for ids in in_batches(image_ids):
        rows = session.execute(
            select(Label.image_id, Image.sha256, Person.name, Label.value, LabelClass.id, LabelClass.name)
            .join(Image, Image.id == Label.image_id)
            .join(LabelClass, LabelClass.id == Label.class_id)
            .join(Verdict, Verdict.id == Label.verdict_id)
            .join(Commit, Commit.id == Verdict.commit_id)
            .join(Person, Person.id == Commit.person_id)
            .where(Label.image_id.in_(ids), _decided(review), Commit.person_id != person_id)
            .order_by(Label.verdict_id)
        )
        for image_id, image, person, value, class_id, class_name in rows:
            known = found.get(image_id)
            if known is None or value == ACCEPT:
                found[image_id] = {
                    "image": image,
                    "person": person,
                    "value": value,
                    "class": class_name,
                    "class_id": class_id,
                }
    return found


def renew(session: Session, *, page_id: int, until: datetime) -> None:
    """Let a page keep its candidates until then."""
    session.execute(update(Page).where(Page.id == page_id).values(leased_until=until))


def candidates(session: Session, *, page_id: int) -> list[int]:
    """Return the images that a page leases."""
    return list(
        session.scalars(
            select(PageCandidate.image_id).where(PageCandidate.page_id == page_id, PageCandidate.planted.is_(False))
        )
    )


def _leased(session: Session, review: ReviewLine) -> Select[int]:
    # A review begun for a class that was merged since keeps it, and counts for the review's class all the same.
    of_class = Review.class_id.in_(counting_for(session, review.class_id))
    # Not a join: SQLite would look through all pages of the pool's reviews in place of the few that are leased.
    in_the_way = exists().where(
        Review.id == Page.review_id,
        Review.id != review.id,
        Review.pool_id == review.pool_id if review.classes_per_image == "one" else of_class,
    )
    return (
        select(PageCandidate.image_id)
        .join(Page, Page.id == PageCandidate.page_id)
        .where(Page.leased_until > now(), in_the_way, PageCandidate.planted.is_(False))
    )


def _decided(review: ReviewLine) -> ColumnElement[bool]:
    """The condition that a label keeps an image from being shown by a review."""
    own = and_(Label.class_id == review.class_id, Label.value.in_(VERDICTS))
    if review.classes_per_image != "one":
        return own
    classes = select(LabelClass.id).where(LabelClass.pool_id == review.pool_id)
    return or_(own, and_(Label.class_id.in_(classes), Label.value == ACCEPT))
