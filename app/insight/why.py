"""Why an image has its labels: all verdicts on it that were ever given, with what each rests on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from app.pools.merged import final_classes
from app.tables import (
    Commit,
    Encoder,
    Image,
    IndexVersion,
    Label,
    LabelClass,
    Lot,
    Page,
    Person,
    Pool,
    ReviewQuery,
    Verdict,
)

RULES = {
    "latest": "The latest verdict counts.",
    "first": "The first verdict counts.",
    "majority": "What most of {of} people say counts.",
    "lead": "Where people differ, a lead settles it.",
}


@dataclass(frozen=True)
class LabelLine:
    """What the verdicts on an image amount to for a class."""

    class_name: str
    value: str  # a verdict's value, or "open"
    disputed: bool
    verdict_id: int


@dataclass(frozen=True)
class QueryLine:
    """One picture that a review started from."""

    sha256: str
    wanted: bool
    crop: dict[str, Any] | None


@dataclass(frozen=True)
class Given:
    """One verdict, whether it stands or not."""

    id: int
    value: str
    basis: str  # seen, stack or sample
    bound: float | None  # the share of matches that was stated of the lot it was accepted with
    score: float | None  # comparable within its page only
    class_name: str  # as it was given
    counts_for: str  # the class that it counts for: another one, if its own was merged
    person: str
    at: datetime
    kind: str  # of the commit: page, lot, correction, settlement or import
    commit_id: int
    review_id: int | None
    page_id: int | None
    page_number: int | None
    encoder: str | None
    index_version: int | None  # that the page was ranked by
    undone_by: str | None
    undone_at: datetime | None
    query: tuple[QueryLine, ...] = ()  # what the review started from


@dataclass(frozen=True)
class Why:
    """All that is to be said of an image's labels in a pool."""

    rule: str  # in a sentence
    labels: list[LabelLine]
    verdicts: list[Given]  # the latest first

    @property
    def in_force(self) -> set[int]:
        """The verdicts that labels rest on."""
        return {label.verdict_id for label in self.labels}


def why(session: Session, *, pool_id: int, image_id: int, class_id: int | None = None) -> Why:
    """Return the labels and all verdicts of an image in a pool, of one class or all.

    The verdicts of classes that were merged into `class_id` are among its own.
    """
    return Why(
        _rule(session, pool_id),
        _labels(session, pool_id, image_id, class_id),
        _with_queries(session, _verdicts(session, pool_id, image_id, class_id)),
    )


def _rule(session: Session, pool_id: int) -> str:
    pool = session.execute(select(Pool.rule, Pool.majority_of, Pool.classes_per_image).where(Pool.id == pool_id)).one()
    several = "has at most one class" if pool.classes_per_image == "one" else "may have several classes"
    return f"{RULES[pool.rule].format(of=pool.majority_of)} An image {several}."


def _labels(session: Session, pool_id: int, image_id: int, class_id: int | None) -> list[LabelLine]:
    found = (
        select(LabelClass.name, Label.value, Label.disputed, Label.verdict_id)
        .join(LabelClass, LabelClass.id == Label.class_id)
        .where(Label.image_id == image_id, LabelClass.pool_id == pool_id)
        .order_by(Label.verdict_id.desc())
    )
    if class_id is not None:
        found = found.where(Label.class_id == class_id)
    return [LabelLine(*row) for row in session.execute(found)]


def _verdicts(session: Session, pool_id: int, image_id: int, class_id: int | None) -> list[Given]:
    undo, undoer, own, sample = aliased(Commit), aliased(Person), aliased(LabelClass), aliased(Page)
    final = final_classes(pool_id)
    # What a lot's rest rests on is the sample: its first page.
    first = select(func.min(sample.id)).where(sample.lot_id == Commit.lot_id).correlate(Commit).scalar_subquery()
    found = (
        select(
            Verdict.id,
            Verdict.value,
            Verdict.basis,
            Lot.bound,
            Verdict.score,
            own.name,
            LabelClass.name,
            Person.name,
            Commit.created_at,
            Commit.kind,
            Commit.id,
            Commit.review_id,
            Page.id,
            Page.number,
            Encoder.name,
            Commit.index_version_id,
            undoer.name,
            undo.created_at,
        )
        .select_from(Verdict)
        .join(Commit, Commit.id == Verdict.commit_id)
        .join(Person, Person.id == Commit.person_id)
        .join(own, own.id == Verdict.class_id)
        .join(final, final.c.id == Verdict.class_id)
        .join(LabelClass, LabelClass.id == final.c.final_id)
        .outerjoin(Lot, and_(Lot.id == Commit.lot_id, Commit.kind == "lot"))
        .outerjoin(Page, Page.id == func.coalesce(Commit.page_id, first))
        .outerjoin(IndexVersion, IndexVersion.id == Commit.index_version_id)
        .outerjoin(Encoder, Encoder.id == IndexVersion.encoder_id)
        .outerjoin(undo, undo.undoes_id == Commit.id)
        .outerjoin(undoer, undoer.id == undo.person_id)
        .where(Verdict.image_id == image_id)
        .order_by(Verdict.id.desc())
    )
    if class_id is not None:
        found = found.where(LabelClass.id == class_id)
    return [Given(*tuple(row)) for row in session.execute(found)]


def _with_queries(session: Session, verdicts: list[Given]) -> list[Given]:
    queries = _queries(session, {given.review_id for given in verdicts if given.review_id is not None})
    return [replace(given, query=tuple(queries.get(given.review_id or 0, ()))) for given in verdicts]


def _queries(session: Session, review_ids: Collection[int]) -> dict[int, list[QueryLine]]:
    rows = session.execute(
        select(
            ReviewQuery.review_id,
            func.coalesce(Image.sha256, ReviewQuery.upload_sha256),
            ReviewQuery.wanted,
            ReviewQuery.crop,
        )
        .outerjoin(Image, Image.id == ReviewQuery.image_id)
        .where(ReviewQuery.review_id.in_(review_ids))
        .order_by(ReviewQuery.review_id, ReviewQuery.position)
    )
    queries: dict[int, list[QueryLine]] = {}
    for review_id, *picture in rows:
        queries.setdefault(review_id, []).append(QueryLine(*picture))
    return queries
