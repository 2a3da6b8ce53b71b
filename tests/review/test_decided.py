"""What is decided is kept from page to page, and always what the labels say."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Database
from app.history import record
from app.labels.merging import merge, unmerge
from app.registry.row_maps import RowMap
from app.review import decided, queries
from app.review.decided import Decided, DecidedRows
from app.review.queries import QueryPicture, ReviewLine
from app.settings import Settings
from app.tables import Commit, Image, LabelClass, Pool, Served
from app.verdicts import journal
from app.verdicts.journal import NewVerdict
from app.verdicts.queries import STANDS, images_with, labelled_otherwise, waiting_for_others
from app.verdicts.rules import change_rule
from app.words import ACCEPT, REJECT, UNSURE, VERDICTS
from tests.conftest import both_databases, one_database
from tests.people import person
from tests.seeded import seed_pool, two_heaps

pytestmark = one_database

IMAGES = 14
STEPS = 60


@dataclass(frozen=True)
class Given:
    """A pool with two classes, a review of each, and an index version that lacks some of the images."""

    pool_id: int
    classes: list[int]
    reviews: list[int]
    images: list[int]
    row_map: RowMap


@pytest.fixture(params=["one", "several"])
def given(request: pytest.FixtureRequest, settings: Settings, database: Database) -> Given:
    seed_pool(
        settings, database, vectors=two_heaps(IMAGES, 2), classes=("owl", "lark"), classes_per_image=request.param
    )
    with database.write() as session:
        pool_id = session.scalars(select(Pool.id)).one()
        classes = list(session.scalars(select(LabelClass.id).order_by(LabelClass.id)))
        images = list(session.scalars(select(Image.id).order_by(Image.id)))
        served = session.scalars(select(Served.index_version_id)).one()
        reviews = [
            queries.add_review(
                session,
                pool_id=pool_id,
                class_id=class_id,
                person_id=1,
                index_version_id=served,
                query=[QueryPicture(images[0], "", None)],
            )
            for class_id in classes
        ]
    rows = np.array([*images[::-2], -1, *images[1::4]], dtype=np.int64)
    return Given(pool_id, classes, reviews, images, RowMap(rows))


def store(session: Session, given: Given, class_id: int, images: list[int], value: str, **details: object) -> Commit:
    wanted = {"kind": "page", "person_id": 1, **details}
    verdicts = [NewVerdict(image, value) for image in images]  # type: ignore[arg-type]
    return journal.store(session, pool_id=given.pool_id, class_id=class_id, verdicts=verdicts, **wanted)  # type: ignore[arg-type]


def as_labelled(session: Session, review: ReviewLine, row_map: RowMap) -> tuple[list[list[int]], set[int]]:
    """Return what the labels themselves say: the rows by verdict, and those that other classes have."""
    rows = [
        row_map.rows_held(images_with(session, class_id=review.class_id, value=value)).tolist() for value in VERDICTS
    ]
    others = labelled_otherwise(session, pool_id=review.pool_id, class_id=review.class_id)
    return rows, set(row_map.rows_held(others).tolist()) if review.classes_per_image == "one" else set()


def as_kept(found: Decided) -> tuple[list[list[int]], set[int]]:
    assert len(set(found.elsewhere.tolist())) == len(found.elsewhere)
    return [found.with_verdict(value).tolist() for value in VERDICTS], set(found.elsewhere.tolist())


def act(session: Session, given: Given, chance: random.Random, people: list[int]) -> None:
    """Do one thing of those that people do."""
    what = chance.random()
    by, class_id = chance.choice(people), chance.choice(given.classes)
    if what < 0.6:
        kind = chance.choice(["page", "page", "correction", "import", "settlement"])
        images = chance.sample(given.images, chance.randint(1, 5))
        store(session, given, class_id, images, chance.choice(VERDICTS), kind=kind, person_id=by)
    elif what < 0.8:
        standing = list(session.scalars(select(Commit.id).where(STANDS).order_by(Commit.id)))
        if standing:
            journal.undo(session, commit_id=chance.choice(standing), person_id=by, of_others=True)
    elif what < 0.87:
        rule, of = chance.choice([("latest", None), ("first", None), ("lead", None), ("majority", 2)])
        change_rule(session, pool_id=given.pool_id, rule=rule, majority_of=of, person_id=by)  # type: ignore[arg-type]
    elif what < 0.94:
        merged = session.scalars(select(LabelClass.merged_into_id).where(LabelClass.name == "lark")).one()
        if merged:
            unmerge(session, pool_id=given.pool_id, name="lark", person_id=by)
        else:
            merge(session, pool_id=given.pool_id, name="lark", into="owl", person_id=by)
    else:
        record(session, "export", person_id=by, pool_id=given.pool_id)


@both_databases
def test_it_is_what_the_labels_say_after_any_sequence(
    database: Database, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decided, "MOST_NEW", 4)
    chance = random.Random(1)
    people = [person(database, name).id for name in ("Ada", "Ben")]
    always, now_and_then = DecidedRows(), DecidedRows(most=1)
    seen: set[str | None] = set()
    for _ in range(STEPS):
        with database.write() as session:
            act(session, given, chance, people)
        with database.read() as session:
            for number in given.reviews:
                review = queries.review(session, review_id=number)
                labels = as_labelled(session, review, given.row_map)
                for kept, by in [*((always, by) for by in people), (now_and_then, people[0])]:
                    if kept is always or chance.random() < 0.3:
                        found = kept.of(session, review=review, person_id=by, row_map=given.row_map)
                        waiting = waiting_for_others(
                            session, pool_id=given.pool_id, class_id=review.class_id, person_id=by
                        )
                        assert as_kept(found) == labels
                        assert list(found.waiting.items()) == list(waiting.items())
                        seen |= set(waiting.values())
    assert {ACCEPT, REJECT} <= seen


def test_only_what_was_stored_since_is_read(database: Database, given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = DecidedRows()
    owl, lark = given.classes
    with database.read() as session:
        review = queries.review(session, review_id=given.reviews[0])
        kept.of(session, review=review, person_id=1, row_map=given.row_map)

    def read(*_: object) -> Decided:
        raise AssertionError("all labels were read")

    monkeypatch.setattr(decided, "_read", read)
    with database.write() as session:
        first = store(session, given, owl, given.images[:6], ACCEPT).id
        store(session, given, owl, given.images[4:9], REJECT)
        store(session, given, lark, given.images[2:5], ACCEPT)
        store(session, given, owl, given.images[10:], UNSURE)
    for undone in (None, first):
        with database.write() as session:
            if undone:
                journal.undo(session, commit_id=undone, person_id=1, of_others=False)
        with database.read() as session:
            found = kept.of(session, review=review, person_id=1, row_map=given.row_map)
            assert as_kept(found) == as_labelled(session, review, given.row_map)
            assert len(found.rows)


def test_each_sees_its_own_snapshot(database: Database, given: Given) -> None:
    kept = DecidedRows()
    owl = given.classes[0]
    with database.read() as before:
        review = queries.review(before, review_id=given.reviews[0])
        with database.write() as session:
            store(session, given, owl, given.images, ACCEPT)
        with database.read() as after:
            assert len(kept.of(after, review=review, person_id=1, row_map=given.row_map).rows)
        assert not len(kept.of(before, review=review, person_id=1, row_map=given.row_map).rows)
    with database.read() as session:
        found = kept.of(session, review=review, person_id=1, row_map=given.row_map)
        assert as_kept(found) == as_labelled(session, review, given.row_map)


# SQLite lets one write at a time.
@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_what_ends_after_a_later_one_counts(database: Database, given: Given) -> None:
    kept = DecidedRows()
    owl = given.classes[0]
    with database.write() as earlier:
        store(earlier, given, owl, given.images[:3], ACCEPT)
        with database.write() as later:
            store(later, given, owl, given.images[3:7], REJECT)
        with database.read() as session:
            review = queries.review(session, review_id=given.reviews[0])
            between = kept.of(session, review=review, person_id=1, row_map=given.row_map)
            assert as_kept(between) == as_labelled(session, review, given.row_map)
            assert not len(between.with_verdict(ACCEPT))
    with database.read() as session:
        found = kept.of(session, review=review, person_id=1, row_map=given.row_map)
        assert len(found.with_verdict(ACCEPT))
        assert as_kept(found) == as_labelled(session, review, given.row_map)
