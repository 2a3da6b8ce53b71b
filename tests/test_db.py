"""Transactions: committed before the answer, and one snapshot for a reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from starlette.testclient import TestClient

from app.db import Database
from app.sessions import WriteSession
from app.tables import Commit, Pool


def test_a_failing_commit_is_not_answered_with_success(database: Database) -> None:
    app = FastAPI()
    app.state.database = database

    @app.post("/broken")
    def broken(session: WriteSession) -> dict[str, str]:
        # Found out by the database no earlier than at the flush that the commit itself does.
        session.add(Commit(kind="page", pool_id=404, class_id=404, person_id=404))
        return {"status": "stored"}

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post("/broken")
    assert answer.status_code == 500
    assert "stored" not in answer.text
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Commit)) == 0


def test_an_error_rolls_the_whole_request_back(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.add(Pool(name="birds", name_key="birds"))
            session.flush()
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()
    with database.read() as session:
        assert session.scalars(select(Pool)).all() == []


def test_what_people_sent_is_not_told_by_an_error_that_is_logged(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed, database.write() as session:
        session.execute(text("INSERT INTO nowhere VALUES (:hash)"), {"hash": "$argon2id$of-a-password"})
    assert "nowhere" in str(failed.value)
    assert "argon2" not in str(failed.value)


def test_a_reader_sees_one_snapshot_while_others_write(database: Database) -> None:
    with database.read() as reading:
        before = reading.scalar(select(func.count()).select_from(Pool))
        with database.write() as writing:
            writing.add(Pool(name="birds", name_key="birds"))
        assert reading.scalar(select(func.count()).select_from(Pool)) == before == 0


def test_sqlite_keeps_foreign_keys_and_waits_for_other_writers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'winnow.db'}")
    with database.read() as session:
        connection = session.connection()
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 15_000
    database.dispose()
