"""Rules in the database: labels follow from the verdicts that stand, whatever happened in which order."""

from __future__ import annotations

import random
from threading import Thread

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Database
from app.labels.merging import merge
from app.settings import Settings
from app.tables import Commit, Image, JournalEntry, Label, LabelClass, Pool
from app.verdicts import journal, rules
from app.verdicts.journal import NewVerdict
from app.verdicts.queries import STANDS, standing_verdicts
from app.verdicts.rule import in_force
from app.verdicts.rules import change_rule, label_counts, pool_rule
from app.words import VERDICTS, Rule
from tests.people import person
from tests.seeded import seed_pool, two_heaps

Wanted = tuple[Rule, int | None]
RULES: list[Wanted] = [("latest", None), ("first", None), ("lead", None), ("majority", 2), ("majority", 3)]
IMAGES = 12


@pytest.fixture(params=["one", "several"])
def pool_id(request: pytest.FixtureRequest, settings: Settings, database: Database) -> int:
    pool = seed_pool(
        settings, database, vectors=two_heaps(IMAGES, 2), classes=("owl", "lark"), classes_per_image=request.param
    )
    with database.read() as session:
        return session.scalars(select(Pool.id).where(Pool.name == pool.name)).one()


def give(session: Session, pool_id: int, who: int, verdict: str, images: list[int], *, kind: str, class_id: int) -> int:
    given = [NewVerdict(image, verdict) for image in images]  # type: ignore[arg-type]
    return journal.store(session, kind=kind, pool_id=pool_id, class_id=class_id, person_id=who, verdicts=given).id


def labels(session: Session) -> dict[tuple[int, int], tuple[int, str, bool]]:
    rows = session.execute(select(Label.class_id, Label.image_id, Label.verdict_id, Label.value, Label.disputed))
    return {(class_id, image): (verdict, value, disputed) for class_id, image, verdict, value, disputed in rows}


def from_scratch(session: Session, pool_id: int) -> dict[tuple[int, int], tuple[int, str, bool]]:
    images = list(session.scalars(select(Image.id)))
    verdicts = standing_verdicts(session, pool_id=pool_id, image_ids=images)
    held = in_force(verdicts, pool_rule(session, pool_id=pool_id))
    return {key: (label.verdict.id, label.value, label.disputed) for key, label in held.items()}


@pytest.mark.parametrize("seed", range(3))
def test_labels_are_what_the_standing_verdicts_amount_to_after_any_sequence(
    database: Database, pool_id: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "IMAGES_AT_ONCE", 5)
    chance = random.Random(seed)
    people = [person(database, name).id for name in ("ann", "ben", "cai", "dee")]
    with database.read() as session:
        images = list(session.scalars(select(Image.id).order_by(Image.id)))
        classes = list(session.scalars(select(LabelClass.id)))
    seen = set()
    for _ in range(60):
        with database.write() as session:
            act = chance.random()
            standing = list(session.scalars(select(Commit.id).where(STANDS)))
            if act < 0.12:
                rule, of = chance.choice(RULES)
                change_rule(session, pool_id=pool_id, rule=rule, majority_of=of, person_id=people[0])
            elif act < 0.35 and standing:
                journal.undo(session, commit_id=chance.choice(standing), person_id=people[0], of_others=True)
            else:
                give(
                    session,
                    pool_id,
                    chance.choice(people),
                    chance.choice(VERDICTS),
                    chance.sample(images, 4),
                    kind="settlement" if act > 0.9 else "correction",
                    class_id=chance.choice(classes),
                )
            now = labels(session)
            assert now == from_scratch(session, pool_id)
            seen |= {(value, disputed) for _, value, disputed in now.values()}
    assert {("accept", True), ("open", True), ("open", False), ("reject", False)} <= seen


@pytest.mark.parametrize("merged", [False, True])
def test_any_rule_after_any_other_makes_what_it_makes_from_scratch_where_few_have_judged(
    database: Database, pool_id: int, merged: bool
) -> None:
    chance = random.Random(5)
    people = [person(database, name).id for name in ("ann", "ben", "cai")]
    with database.read() as session:
        images = list(session.scalars(select(Image.id).order_by(Image.id)))
        classes = list(session.scalars(select(LabelClass.id)))
    with database.write() as session:
        for kind in ["page", "correction", "import", "import", "settlement", "page", "page"]:
            by, verdict, class_id = chance.choice(people), chance.choice(VERDICTS), chance.choice(classes)
            commit = give(session, pool_id, by, verdict, chance.sample(images, 3), kind=kind, class_id=class_id)
        journal.undo(session, commit_id=commit, person_id=people[0], of_others=True)
        if merged:
            merge(session, pool_id=pool_id, name="lark", into="owl", person_id=people[0])
    turns = [turn for former in RULES for rule in RULES for turn in (former, rule)]
    for rule, of in turns:
        with database.write() as session:
            before = labels(session)
            done = change_rule(session, pool_id=pool_id, rule=rule, majority_of=of, person_id=people[0])
            now = labels(session)
            assert now == from_scratch(session, pool_id)
            assert done.changed == len({image for _, image in dict(before.items() ^ now.items())})


def test_changing_the_rule_there_and_back_brings_back_every_label(database: Database, pool_id: int) -> None:
    ann, ben = person(database, "ann").id, person(database, "ben").id
    with database.write() as session:
        images = list(session.scalars(select(Image.id).order_by(Image.id)))
        give(session, pool_id, ann, "accept", images[:6], kind="correction", class_id=1)
        give(session, pool_id, ben, "reject", images[4:8], kind="correction", class_id=1)
        before = labels(session)
    with database.write() as session:
        done = change_rule(session, pool_id=pool_id, rule="majority", majority_of=2, person_id=ann)
    assert (done.before.accepted, done.before.rejected, done.before.open, done.before.disputed) == (4, 4, 0, 2)
    assert (done.after.accepted, done.after.rejected, done.after.open, done.after.disputed) == (0, 0, 8, 2)
    assert done.changed == 8
    with database.write() as session:
        assert change_rule(session, pool_id=pool_id, rule="majority", majority_of=2, person_id=ann).changed == 0
        change_rule(session, pool_id=pool_id, rule="latest", majority_of=None, person_id=ann)
        assert labels(session) == before
        entries = session.scalars(select(JournalEntry.details).where(JournalEntry.act == "rule")).all()
    assert entries[0] is not None
    assert entries[0]["from"] == {"rule": "latest", "majority_of": None}
    assert entries[0]["to"] == {"rule": "majority", "majority_of": 2}


def test_another_pool_that_holds_the_same_images_keeps_its_labels(database: Database, pool_id: int) -> None:
    ann = person(database, "ann").id
    with database.write() as session:
        other = Pool(name="other", name_key="other")
        session.add(other)
        session.flush()
        theirs = LabelClass(pool_id=other.id, name="owl", name_key="owl")
        session.add(theirs)
        session.flush()
        images = list(session.scalars(select(Image.id)))
        give(session, other.id, ann, "accept", images[:3], kind="correction", class_id=theirs.id)
        give(session, pool_id, ann, "accept", images[:3], kind="correction", class_id=1)
        change_rule(session, pool_id=pool_id, rule="majority", majority_of=2, person_id=ann)
        assert label_counts(session, pool_id=other.id).accepted == 3
        assert label_counts(session, pool_id=pool_id).open == 3


def test_whoever_stores_verdicts_while_the_rule_changes_has_them_judged_by_the_new_one(
    database: Database, pool_id: int
) -> None:
    ann = person(database, "ann").id
    with database.read() as session:
        image = session.scalars(select(Image.id)).first()
    assert image is not None

    def commit() -> None:
        with database.write() as other:
            give(other, pool_id, ann, "accept", [image], kind="correction", class_id=1)

    with database.write() as session:
        change_rule(session, pool_id=pool_id, rule="majority", majority_of=2, person_id=ann)
        meanwhile = Thread(target=commit)
        meanwhile.start()
        # It waits for this transaction, whose end is what it needs.
        meanwhile.join(timeout=0.3)
        assert meanwhile.is_alive()
    meanwhile.join()
    with database.read() as session:
        assert label_counts(session, pool_id=pool_id).open == 1
