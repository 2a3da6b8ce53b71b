"""The schema: what the migrations build is what the tables say, and nobody opens what he does not know."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.db import Database
from app.migrations import MIGRATIONS, NewerDatabase, OlderDatabase, check, known_versions, upgrade
from app.tables import (
    Commit,
    Job,
    JournalEntry,
    Label,
    Lot,
    Page,
    PageCandidate,
    Person,
    Pool,
    ReviewQuery,
    Table,
    Verdict,
)
from tests.postgres import fresh_database, marked_as


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
    with marked_as(database, "9999"):
        for open_it in (upgrade, check):
            with pytest.raises(NewerDatabase, match="newer version of Winnow"):
                open_it(database)


def test_the_files_of_the_migrations_begin_with_their_versions() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert known_versions() == revisions[::-1]


def test_an_empty_database_asks_for_an_upgrade(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(OlderDatabase, match="winnow db upgrade"):
        check(database)
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(tmp_path: Path, worker_id: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of either engine in which there is nothing yet."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if request.param == "postgresql":
        url = fresh_database(request.getfixturevalue("postgres").url, f"{worker_id}_old")
    database = Database(url)
    yield database
    database.dispose()


def test_two_servers_that_start_at_once_upgrade_in_turn(empty: Database) -> None:
    databases = [Database(empty.engine.url.render_as_string(hide_password=False)) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(upgrade, databases))
    with empty.read() as session:
        assert session.scalars(select(Person.name)).all() == ["local"]
    for database in databases:
        check(database)
        database.dispose()


def test_verdicts_of_the_second_version_are_kept(empty: Database) -> None:
    upgrade(empty, to="0002")
    moment = "2026-01-01 00:00:00+00:00"
    with empty.write() as session:
        for statement in (
            f"INSERT INTO pool VALUES (1, 'birds', 'birds', 'one', '{moment}')",
            f"INSERT INTO class VALUES (1, 1, 'owl', 'owl', '{moment}')",
            f"INSERT INTO image VALUES (1, '{64 * 'a'}', 8, 8, 'PNG', '{moment}')",
            f"INSERT INTO encoder VALUES (1, 'e', '{64 * 'e'}', 4, '{moment}')",
            f"INSERT INTO index_version VALUES (1, 1, 1, 'birds-1', 1, '{moment}')",
            f"INSERT INTO review VALUES (1, 1, 1, 1, 1, '{moment}')",
            "INSERT INTO review_query (review_id, position, image_id) VALUES (1, 0, 1)",
            f"INSERT INTO page VALUES (1, 1, 1, '{moment}')",
            "INSERT INTO page_candidate VALUES (1, 0, 1, 0.5)",
            'INSERT INTO "commit" (id, kind, pool_id, class_id, person_id, review_id, page_id, generation, created_at)'
            f" VALUES (3, 'page', 1, 1, 1, 1, 1, 0, '{moment}')",
            'INSERT INTO "commit" (id, kind, pool_id, class_id, person_id, review_id, undoes_id, created_at)'
            f" VALUES (4, 'undo', 1, 1, 1, 1, 3, '{moment}')",
            "INSERT INTO verdict VALUES (9, 3, 1, 1, 'accept', 0.5)",
        ):
            session.connection().exec_driver_sql(statement)
    upgrade(empty)
    check(empty)
    with empty.write() as session:
        verdict, page = session.get_one(Verdict, 9), session.get_one(Page, 1)
        assert (verdict.value, verdict.basis, verdict.commit_id) == ("accept", "seen", 3)
        assert (page.kind, page.skipped, page.lot_id, page.set_aside_at) == ("next", 0, None, None)
        assert session.get_one(PageCandidate, (1, 0)).planted is False
        assert session.get_one(ReviewQuery, (1, 0)).wanted is True
        assert session.get_one(Commit, 4).undoes_id == 3
        assert session.get_one(Commit, 3).index_version_id == 1
        for broken in (
            "UPDATE page SET kind = 'sample'",  # of no lot
            "UPDATE page SET kind = 'odd'",
            "UPDATE verdict SET basis = 'guess'",
            "UPDATE \"commit\" SET kind = 'page' WHERE id = 4",  # an undo that is none
            "DELETE FROM page",  # others refer to it
        ):
            with pytest.raises(IntegrityError), session.begin_nested():
                session.execute(text(broken))
        lot = Lot(review_id=1, size=800, looks=[60], confidence=0.95)
        session.add(lot)
        session.flush()
        session.add(Commit(kind="lot", pool_id=1, class_id=1, person_id=1, review_id=1, lot_id=lot.id))
        session.add(Commit(kind="settlement", pool_id=1, class_id=1, person_id=1))


def test_what_was_done_before_the_journal_is_in_it(empty: Database) -> None:
    upgrade(empty, to="0003")
    moment = "2026-01-01 00:00:00+00:00"
    with empty.write() as session:
        for statement in (
            f"INSERT INTO pool VALUES (1, 'birds', 'birds', 'one', '{moment}')",
            f"INSERT INTO class VALUES (1, 1, 'owl', 'owl', '{moment}')",
            f"INSERT INTO image VALUES (1, '{64 * 'a'}', 8, 8, 'PNG', '{moment}')",
            'INSERT INTO "commit" (id, kind, pool_id, class_id, person_id, created_at)'
            f" VALUES (3, 'import', 1, 1, 1, '{moment}')",
            'INSERT INTO "commit" (id, kind, pool_id, class_id, person_id, undoes_id, created_at)'
            f" VALUES (4, 'undo', 1, 1, 1, 3, '{moment}')",
            "INSERT INTO verdict VALUES (9, 3, 1, 1, 'accept', 0.5, 'seen')",
            "INSERT INTO label VALUES (1, 1, 9, 'accept')",
        ):
            session.connection().exec_driver_sql(statement)
    upgrade(empty)
    check(empty)
    with empty.write() as session:
        entries = session.scalars(select(JournalEntry).order_by(JournalEntry.id)).all()
        assert [(entry.act, entry.commit_id, entry.at.year) for entry in entries] == [
            ("import", 3, 2026),
            ("undo", 4, 2026),
        ]
        assert (session.get_one(Pool, 1).rule, session.get_one(Label, (1, 1)).disputed) == ("latest", False)
        for broken in (
            "UPDATE pool SET rule = 'loudest'",
            "UPDATE pool SET rule = 'majority'",  # of how many?
            "UPDATE \"commit\" SET kind = 'undo' WHERE id = 3",
            "UPDATE \"commit\" SET kind = 'odd' WHERE id = 3",
        ):
            with pytest.raises(IntegrityError), session.begin_nested():
                session.execute(text(broken))


def test_jobs_of_the_first_version_are_kept(empty: Database) -> None:
    database = empty
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
