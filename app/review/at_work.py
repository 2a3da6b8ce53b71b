"""Who is at work on the classes of a pool just now, and how far they are: asked for every few seconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.identity.people import CurrentPerson
from app.phrases import among, fixed
from app.pools.merged import final_classes
from app.pools.queries import class_named, pool_named
from app.sessions import ReadSession
from app.tables import Commit, Label, LabelClass, Page, Person, Review, UtcDateTime, now
from app.turnstile import beside
from app.verdicts.queries import STANDS, ClassCounts

router = APIRouter(prefix="/api/v1", tags=["reviews"])

# What is told of somebody's work is that of so long: of a whole review it would take longer the longer it goes on.
LATELY = timedelta(hours=1)


@dataclass(frozen=True)
class AtWork:
    """A review that somebody has a page of."""

    review: int
    person: str
    mine: bool
    pages: int  # committed within the last hour
    accepted: int  # on those


@dataclass(frozen=True)
class Busy:
    """A class on which somebody is at work."""

    class_name: str
    labels: ClassCounts
    reviews: list[AtWork]


class AtWorkOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    review: int
    person: str
    mine: Annotated[bool, Field(description="Whether it is whoever asks.")]
    pages: Annotated[int, Field(description="Committed within the last hour.")]
    accepted: Annotated[int, Field(description="On these pages.")]


class BusyOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    class_name: Annotated[str, Field(serialization_alias="class")]
    labels: Annotated[
        ClassCounts, Field(description="Images of the class; `open` ones wait for more verdicts, or for a lead.")
    ]
    reviews: list[AtWorkOut]


class BusyList(BaseModel):
    classes: list[BusyOut]


@router.get("/pools/{pool}/at-work", summary="Show who is at work", dependencies=[beside])
def at_work(
    pool: str,
    session: ReadSession,
    person: CurrentPerson,
    class_name: Annotated[str | None, Query(alias="class", description="Only this class.")] = None,
) -> BusyList:
    """The classes on which somebody has a page open and works on it, with their labels so far.

    It is cheap, to be asked for every few seconds.
    """
    pool_id = pool_named(session, name=pool).id
    class_id = None if class_name is None else class_named(session, pool_id=pool_id, name=class_name).id
    found = busy(session, pool_id=pool_id, class_id=class_id, person_id=person.id)
    return BusyList(classes=[BusyOut.model_validate(line) for line in found])


_FINAL = final_classes(bindparam("pool"))
_REVIEWS = (
    select(Review.id, Person.name, Person.id, LabelClass.id, LabelClass.name)
    .distinct()
    .join(Page, Page.review_id == Review.id)
    .join(Person, Person.id == Review.person_id)
    .join(_FINAL, _FINAL.c.id == Review.class_id)
    .join(LabelClass, LabelClass.id == _FINAL.c.final_id)
    .where(Page.leased_until > bindparam("now", type_=UtcDateTime()), Review.pool_id == bindparam("pool"))
    .order_by(LabelClass.name, Review.id)
)
_REVIEWS_OF_CLASS = _REVIEWS.where(LabelClass.id == bindparam("class_id"))
_DONE = (
    # What a commit was answered holds the sum already.
    select(Commit.review_id, func.count(), func.sum(Commit.answer["accepted"].as_integer()))
    .where(
        among(Commit.review_id, "reviews"),
        Commit.kind == fixed("page"),
        Commit.created_at > bindparam("since", type_=UtcDateTime()),
        STANDS,
    )
    .group_by(Commit.review_id)
)
_LABELS = (
    select(Label.class_id, Label.value, func.count())
    .where(among(Label.class_id, "classes"))
    .group_by(Label.class_id, Label.value)
)


def busy(session: Session, *, pool_id: int, class_id: int | None, person_id: int) -> list[Busy]:
    """Return the classes of a pool of which a page is leased, by name, the reviews in the order of their making.

    `person_id` is who asks.
    """
    given = {"pool": pool_id, "now": now()}
    if class_id is None:
        reviews = session.connection().execute(_REVIEWS, given).all()
    else:
        reviews = session.connection().execute(_REVIEWS_OF_CLASS, given | {"class_id": class_id}).all()
    done = _done_lately(session, [review_id for review_id, *_ in reviews])
    by_class: dict[int, list[AtWork]] = defaultdict(list)
    names: dict[int, str] = {}
    for review_id, person, whose, of_class, name in reviews:
        pages, accepted = done.get(review_id, (0, 0))
        by_class[of_class].append(AtWork(review_id, person, whose == person_id, pages, accepted))
        names[of_class] = name
    labels = _labels(session, list(by_class))
    return [Busy(names[of_class], labels[of_class], reviews_of) for of_class, reviews_of in by_class.items()]


def _done_lately(session: Session, review_ids: list[int]) -> dict[int, tuple[int, int]]:
    """Return (pages, accepted images) by review."""
    rows = session.connection().execute(_DONE, {"reviews": review_ids, "since": now() - LATELY})
    return {review_id: (pages, accepted) for review_id, pages, accepted in rows if review_id is not None}


def _labels(session: Session, class_ids: list[int]) -> dict[int, ClassCounts]:
    rows = session.connection().execute(_LABELS, {"classes": class_ids})
    counted: dict[int, dict[str, int]] = {class_id: {} for class_id in class_ids}
    for class_id, value, count in rows:
        counted[class_id][value] = count
    return {class_id: ClassCounts.of(values) for class_id, values in counted.items()}
