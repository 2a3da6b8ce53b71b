"""Leases in the database: what an open page shows is shown by no other review until the lease runs out.

A page leases its candidates, those beneath included; planted ones it does not, since no verdict comes of them. A lease
holds for the review's class, and for all classes where an image has but one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select, union_all, update
from sqlalchemy.orm import Session

from app.phrases import among, fixed
from app.pools.merged import counting_for
from app.review.queries import ReviewLine
from app.tables import Commit, Image, Label, LabelClass, Page, PageCandidate, Person, Review, UtcDateTime, Verdict, now
from app.words import ACCEPT, OPEN

_HOLD_CLASS = select(LabelClass.id).where(LabelClass.id == bindparam("class_id")).with_for_update(key_share=True)
_FIRST_CLASS = select(func.min(LabelClass.id)).where(LabelClass.pool_id == bindparam("pool")).scalar_subquery()
_HOLD_FIRST_CLASS = select(LabelClass.id).where(LabelClass.id == _FIRST_CLASS).with_for_update(key_share=True)


def _leased(one_class: bool) -> Select[int]:
    """Select the images that other reviews have leased, as far as a review could show them."""
    # Not a join: SQLite would look through all pages of the pool's reviews in place of the few that are leased.
    in_the_way = exists().where(
        Review.id == Page.review_id,
        Review.id != bindparam("review"),
        Review.pool_id == bindparam("pool") if one_class else among(Review.class_id, "classes"),
    )
    return (
        select(PageCandidate.image_id)
        .join(Page, Page.id == PageCandidate.page_id)
        .where(Page.leased_until > bindparam("now", type_=UtcDateTime()), in_the_way, PageCandidate.planted.is_(False))
    )


def is_decided(one_class: bool) -> ColumnElement[bool]:
    """The condition that one of few images' labels keeps it from being shown by a review, of `class_id` in `pool`."""
    # By no index of classes, of which SQLite would look through all labels.
    class_id = Label.class_id + 0
    own = and_(class_id == bindparam("class_id"), Label.value != fixed(OPEN))
    if not one_class:
        return own
    classes = select(LabelClass.id).where(LabelClass.pool_id == bindparam("pool"))
    return or_(own, and_(class_id.in_(classes), Label.value == fixed(ACCEPT)))


_LEASED = {one_class: _leased(one_class) for one_class in (True, False)}
# In one statement: what goes from the one state to the other meanwhile is seen in either. By no index of its own: an
# image lies on many old pages, and few pages are leased.
_TAKEN = {
    one_class: union_all(
        _leased(one_class).where(among(PageCandidate.image_id + 0, "images")),
        select(Label.image_id).where(among(Label.image_id, "images"), is_decided(one_class)),
    )
    for one_class in (True, False)
}
_BY_OTHERS = {
    one_class: (
        select(Label.image_id, Image.sha256, Person.name, Label.value, LabelClass.id, LabelClass.name)
        .join(Image, Image.id == Label.image_id)
        .join(LabelClass, LabelClass.id == Label.class_id)
        .join(Verdict, Verdict.id == Label.verdict_id)
        .join(Commit, Commit.id == Verdict.commit_id)
        .join(Person, Person.id == Commit.person_id)
        .where(among(Label.image_id, "images"), is_decided(one_class), Commit.person_id != bindparam("person"))
        .order_by(Label.verdict_id)
    )
    for one_class in (True, False)
}


def one_at_a_time(session: Session, *, review: ReviewLine) -> None:
    """Let nobody else take candidates that this review could take, until this transaction ends."""
    # The pool's first class stands for the pool, whose own row is held by whoever serves an index version of it. What
    # only refers to the row, as every commit does, neither waits nor is waited for.
    hold = _HOLD_FIRST_CLASS if review.one_class_per_image else _HOLD_CLASS
    session.connection().execute(hold, _of(review))


def leased_elsewhere(session: Session, *, review: ReviewLine) -> list[int]:
    """Return the images that other reviews have leased now, as far as this review could show them."""
    statement, given = _LEASED[review.one_class_per_image], _of(review) | _leasing(session, review)
    return list(session.connection().execute(statement, given).scalars())


def taken(session: Session, *, review: ReviewLine, image_ids: Collection[int]) -> set[int]:
    """Return which of these images another review has leased, or somebody has decided, by now."""
    given = _of(review) | _leasing(session, review) | {"images": image_ids}
    return set(session.connection().execute(_TAKEN[review.one_class_per_image], given).scalars())


def decided_by_others(
    session: Session, *, review: ReviewLine, image_ids: Collection[int], person_id: int
) -> dict[int, dict[str, Any]]:
    """Return the verdicts in force of other people on these images, by image id.

    Each tells its image, person, value, class and class_id. They are those for the review's class, and, where an image
    has but one, an acceptance for another.
    """
    given = _of(review) | {"images": image_ids, "person": person_id}
    rows = session.connection().execute(_BY_OTHERS[review.one_class_per_image], given)
    found: dict[int, dict[str, Any]] = {}
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


def _of(review: ReviewLine) -> dict[str, Any]:
    return {"review": review.id, "pool": review.pool_id, "class_id": review.class_id}


def _leasing(session: Session, review: ReviewLine) -> dict[str, Any]:
    # A review begun for a class that was merged since keeps it, and counts for the review's class all the same.
    classes = [] if review.one_class_per_image else counting_for(session, review.class_id)
    return {"classes": classes, "now": now()}
