"""Many ids and many rows as one parameter, on both databases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import Database
from app.many import among, insert_rows
from app.tables import LabelClass, Pool, now

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
        assert names(np.array(ids[1:2])) == ["bee"]
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
