"""Many ids and many rows as one parameter, words as none, on both databases."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import SelectBase

from app.db import Database
from app.phrases import among, fixed, insert_rows
from app.review import decided, lease_queries, page_queries
from app.tables import LabelClass, Pool, now
from app.verdicts import journal, queries, rules

NAMES = ("ant", "bee", "cat", "“dog”, {1,2} \\ 'n' NULL")


@pytest.fixture
def pool_id(database: Database) -> int:
    """A pool without classes."""
    with database.write() as session:
        pool = Pool(name="birds", name_key="birds")
        session.add(pool)
        session.flush()
        return pool.id


def rows(pool_id: int) -> list[dict[str, Any]]:
    """A class for each name."""
    told = {"pool_id": pool_id, "merged_into_id": None, "created_at": now()}
    return [{**told, "name": name, "name_key": name} for name in NAMES]


def stored(session: Session) -> list[tuple[int, str]]:
    """The classes in the order of their ids."""
    return [tuple(row) for row in session.execute(select(LabelClass.id, LabelClass.name).order_by(LabelClass.id))]


def test_rows_are_stored_in_their_order_and_as_they_are(database: Database, pool_id: int) -> None:
    with database.write() as session:
        insert_rows(session.connection(), LabelClass, rows(pool_id))
        insert_rows(session.connection(), LabelClass, [])
    with database.read() as session:
        assert [name for _, name in stored(session)] == [*NAMES]
        assert set(session.scalars(select(LabelClass.merged_into_id))) == {None}


def test_of_rows_that_cannot_be_stored_none_is(database: Database, pool_id: int) -> None:
    twice = rows(pool_id) + rows(pool_id)[:1]
    with pytest.raises(IntegrityError), database.write() as session:
        insert_rows(session.connection(), LabelClass, twice)
    with database.read() as session:
        assert stored(session) == []


def test_what_is_too_long_is_refused_and_not_cut(database: Database, pool_id: int) -> None:
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite keeps strings of any length")
    with pytest.raises(DataError), database.write() as session:
        insert_rows(session.connection(), LabelClass, [rows(pool_id)[0] | {"name": "a" * 101}])


def test_a_word_stands_in_the_text_and_can_say_nothing_else() -> None:
    assert str(select(Pool.id).where(Pool.rule == fixed("latest"))).endswith("WHERE pool.rule = 'latest'")
    with pytest.raises(ValueError, match="Not one of our words"):
        fixed("x' OR 'x' = 'x")


@pytest.mark.parametrize("module", [queries, decided, lease_queries, page_queries, rules, journal])
def test_what_is_put_together_once_has_no_word_as_a_parameter(module: ModuleType) -> None:
    things = vars(module).values()
    held = [value for thing in things for value in (thing.values() if isinstance(thing, dict) else [thing])]
    statements = [value for value in held if isinstance(value, SelectBase)]
    assert statements
    for statement in statements:
        compiled = statement.compile()
        assert not [value for value in compiled.params.values() if isinstance(value, str) and value], str(compiled)


@pytest.mark.parametrize("given", ["at once", "later"])
def test_ids_are_found_and_others_are_not(database: Database, pool_id: int, given: str) -> None:
    with database.write() as session:
        insert_rows(session.connection(), LabelClass, rows(pool_id))
    with database.read() as session:
        ids = [id for id, _ in stored(session)]

        def names(wanted: Any) -> list[str]:
            condition = among(LabelClass.id, wanted if given == "at once" else "ids")
            statement = select(LabelClass.name).where(condition).order_by(LabelClass.id)
            return list(session.scalars(statement, {} if given == "at once" else {"ids": wanted}))

        assert names([ids[0], ids[2], 10**12]) == ["ant", "cat"]
        assert names(np.array(ids[1:3])) == ["bee", "cat"]
        assert names(np.array([], np.int64)) == []
        assert names({ids[0]}) == ["ant"]
        assert names([]) == []
        # More than either database takes parameters.
        assert names(range(70_000)) == [*NAMES]
        assert session.scalars(select(LabelClass.name).where(~among(LabelClass.id, ids[:3]))).all() == [NAMES[3]]


def test_ids_are_looked_up_by_the_index(database: Database, pool_id: int) -> None:
    if database.engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL chooses by the size of the table")
    with database.read() as session:
        compiled = select(LabelClass.name).where(among(LabelClass.id, "ids")).compile(session.connection())
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", ("[1,2]",))
        assert "SEARCH class USING INTEGER PRIMARY KEY" in str(plan.all())
