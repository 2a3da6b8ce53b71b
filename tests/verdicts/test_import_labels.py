"""Labels that an import's files carry."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from app.db import Database
from app.settings import Settings
from app.tables import Commit, Image, Label, LabelClass, Pool
from app.verdicts import journal
from app.verdicts.journal import NewVerdict
from app.verdicts.queries import STANDS
from tests.conftest import one_database
from tests.people import person
from tests.seeded import seed_pool, two_heaps

IMAGES = 4


@pytest.fixture
def pool_id(settings: Settings, database: Database) -> int:
    seed_pool(settings, database, vectors=two_heaps(IMAGES, 2), classes=("owl", "lark"))
    with database.read() as session:
        return session.scalars(select(Pool.id)).one()


def images(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(Image.id).order_by(Image.id).limit(IMAGES)))


def class_id(database: Database, name: str) -> int:
    with database.read() as session:
        return session.scalars(select(LabelClass.id).where(LabelClass.name == name)).one()


def imported(database: Database, pool_id: int, labelled: dict[str, list[int]]) -> None:
    with database.write() as session:
        journal.store_import_labels(session, pool_id=pool_id, labelled=labelled, person_id=person(database, "ann").id)


def labels(database: Database) -> dict[int, tuple[str, str]]:
    with database.read() as session:
        rows = session.execute(
            select(Label.image_id, LabelClass.name, Label.value).join(LabelClass, LabelClass.id == Label.class_id)
        )
        return {image: (name, value) for image, name, value in rows}


def commits(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Commit.id).where(Commit.kind == "import", STANDS)).all())


@one_database
def test_each_class_is_one_commit_and_made_if_need_be(database: Database, pool_id: int) -> None:
    first, second, third, _ = images(database)
    imported(database, pool_id, {"wren": [third, first], "owl": [second]})
    assert labels(database) == {
        first: ("wren", "accept"),
        second: ("owl", "accept"),
        third: ("wren", "accept"),
    }
    assert commits(database) == 2


def test_repeated_it_leaves_what_somebody_corrected_to_another_class(database: Database, pool_id: int) -> None:
    corrected, *others = images(database)
    imported(database, pool_id, {"owl": [corrected, *others]})
    with database.write() as session:
        journal.store(
            session,
            kind="correction",
            pool_id=pool_id,
            class_id=class_id(database, "lark"),
            person_id=person(database, "ben").id,
            verdicts=[NewVerdict(corrected, "accept")],
        )
    imported(database, pool_id, {"owl": [corrected, *others]})
    assert labels(database) == {corrected: ("lark", "accept")} | dict.fromkeys(others, ("owl", "accept"))
    assert commits(database) == 1
