"""The images of a class by their verdict in force, and what each person holds of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.pools.held import path_in_pool
from app.pools.merged import counting_for
from app.tables import Commit, Image, Label, Person, Verdict
from app.verdicts.agreement import Answer
from app.verdicts.queries import STANDS
from app.words import SETTLEMENT


@dataclass(frozen=True)
class Labelled:
    """An image in the gallery of a class."""

    verdict_id: int
    image: str
    path: str
    verdict: str
    when: datetime
    score: float | None


@dataclass(frozen=True)
class Work:
    """What one person stored of a class, page by page."""

    person: str
    pages: int  # in force
    seconds: float | None  # that half of these took at most; None where none tells
    planted: int  # known negatives that were shown
    caught: int  # of these, what was struck out


def labelled_images(
    session: Session, *, pool_id: int, class_id: int, verdict: str, limit: int, before: int | None = None
) -> list[Labelled]:
    """Return images with this verdict in force, the latest first, from below the verdict id `before` on."""
    statement = (
        select(
            Label.verdict_id,
            Image.sha256,
            path_in_pool(Image.id, pool_id=pool_id),
            Label.value,
            Commit.created_at,
            Verdict.score,
        )
        .join(Image, Image.id == Label.image_id)
        .join(Verdict, Verdict.id == Label.verdict_id)
        .join(Commit, Commit.id == Verdict.commit_id)
        .where(Label.class_id == class_id, Label.value == verdict)
        .order_by(Label.verdict_id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(Label.verdict_id < before)
    return [Labelled(*row) for row in session.execute(statement)]


def answers(session: Session, *, class_id: int) -> list[Answer]:
    """Return what each person holds of the images of a class that at least two have judged; no settlements."""
    of_people = (Commit.class_id.in_(counting_for(session, class_id)), Commit.kind != SETTLEMENT, STANDS)
    shared = (
        select(Verdict.image_id)
        .join(Commit, Commit.id == Verdict.commit_id)
        .where(*of_people)
        .group_by(Verdict.image_id)
        .having(func.count(Commit.person_id.distinct()) > 1)
    )
    rows = session.connection().execute(
        select(Verdict.image_id, Commit.person_id, Verdict.value)
        .join(Commit, Commit.id == Verdict.commit_id)
        .where(*of_people, Verdict.image_id.in_(shared))
        .order_by(Verdict.id)
    )
    latest = {(image_id, person_id): value for image_id, person_id, value in rows}
    return [Answer(*who_and_what, value) for who_and_what, value in latest.items()]


def work_on(session: Session, *, class_id: int) -> list[Work]:
    """Return what each person stored of a class by pages, whoever stored the most first."""
    rows = session.execute(
        select(Person.name, Commit.milliseconds, Commit.planted, Commit.caught, Commit.generation, STANDS)
        .join(Person, Person.id == Commit.person_id)
        .where(Commit.class_id.in_(counting_for(session, class_id)), Commit.kind == "page")
        .order_by(Person.name_key)
    )
    by_person: dict[str, list[_Stored]] = defaultdict(list)
    for person, milliseconds, planted, caught, generation, stands in rows:
        by_person[person].append(_Stored(milliseconds, planted, caught, generation, stands))
    work = [_work(person, commits) for person, commits in by_person.items()]
    return sorted((line for line in work if line.pages), key=lambda line: -line.pages)


class _Stored(NamedTuple):
    """The commit of a page."""

    milliseconds: int | None
    planted: int | None
    caught: int | None
    generation: int | None
    stands: bool


def _work(person: str, commits: list[_Stored]) -> Work:
    in_force = [commit for commit in commits if commit.stands]
    times = [commit.milliseconds / 1000 for commit in in_force if commit.milliseconds is not None]
    # The first commit of a page counts, undone or not: afterwards they have been told.
    first = [commit for commit in commits if commit.generation == 0]
    return Work(
        person,
        pages=len(in_force),
        seconds=median(times) if times else None,
        planted=sum(commit.planted or 0 for commit in first),
        caught=sum(commit.caught or 0 for commit in first),
    )


def names(session: Session, *, person_ids: Collection[int]) -> dict[int, str]:
    """Return the names of these people."""
    return dict(session.execute(select(Person.id, Person.name).where(Person.id.in_(person_ids))).all())
