"""The schema: what the migrations build is what the tables say, and nobody opens what he does not know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.migrations import NewerDatabase, OlderDatabase, check, upgrade
from app.tables import Job, Person, Pool, Table
from tests.postgres import fresh_database


def test_the_migrations_build_what_the_tables_say(database: Database) -> None:
    with database.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_upgrading_again_changes_nothing_and_loses_nothing(database: Database) -> None:
    with database.write() as session:
        session.add(Pool(name="birds", name_key="birds"))
    upgrade(database)
    check(database)
    with database.read() as session:
        assert session.scalars(select(Pool.name)).all() == ["birds"]
        assert session.scalars(select(Person.name)).all() == ["local"]


def test_a_database_from_a_newer_version_is_left_alone(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        for open_it in (upgrade, check):
            with pytest.raises(NewerDatabase, match="newer version of Winnow"):
                open_it(database)
    finally:
        # The PostgreSQL database is shared by all tests of this worker.
        with database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '0002'"))


def test_an_empty_database_asks_for_an_upgrade(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(OlderDatabase, match="winnow db upgrade"):
        check(database)
    database.dispose()


def test_two_servers_that_start_at_once_upgrade_in_turn(tmp_path: Path) -> None:
    databases = [Database(f"sqlite:///{tmp_path / 'winnow.db'}") for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(upgrade, databases))
    with databases[0].read() as session:
        assert session.scalars(select(Person.name)).all() == ["local"]
    for database in databases:
        database.dispose()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_jobs_of_the_first_version_are_kept(
    engine: str, tmp_path: Path, worker_id: str, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if engine == "postgresql":
        url = fresh_database(request.getfixturevalue("postgres").url, f"{worker_id}_old")
    database = Database(url)
    upgrade(database, to="0001")
    moment = "2026-01-01 00:00:00+00:00"
    with database.write() as session:
        pool = f"INSERT INTO pool VALUES (1, 'birds', 'birds', 'one', '{moment}')"
        columns = "id, kind, pool_id, state, arguments, done, total, result, attempts, created_at"
        values = f"""7, 'import', 1, 'done', '{{"folder": "/b"}}', 5, 9, '{{"new": 5}}', 1, '{moment}'"""
        for statement in (pool, f"INSERT INTO job ({columns}) VALUES ({values})"):
            session.connection().exec_driver_sql(statement)
    upgrade(database)
    check(database)
    with database.write() as session:
        job = session.get_one(Job, 7)
        assert (job.arguments, job.done, job.total, job.result) == ({"folder": "/b"}, 5, 9, {"new": 5})
        assert (job.created_at.year, job.figures) == (2026, None)
        job.state = "stopped"
        session.flush()
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text("UPDATE job SET state = 'asleep'"))
        session.add(Job(kind="pretrain", pool_id=1, arguments={}))
        session.flush()
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add(Job(kind="pretrain", pool_id=1, arguments={}))
    database.dispose()
