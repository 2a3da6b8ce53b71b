"""Alive is one thing, ready another, and what is not ready says so without a path."""

from __future__ import annotations

import shutil

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.insight import health
from app.main import create_app
from app.settings import Settings
from tests.conftest import HERE, one_database
from tests.postgres import marked_as
from tests.seeded import SeededPool, seed_pool, two_heaps

READY = "/api/v1/health/ready"

pytestmark = pytest.mark.usefixtures("looked_at_anew")


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(10, 10))


@one_database
@pytest.mark.usefixtures("pool")
def test_a_server_with_all_it_needs_is_ready(client: TestClient) -> None:
    assert client.get(READY).json() == {"status": "ready"}
    assert client.get("/api/v1/health/live").json() == {"status": "live"}
    assert client.get("/api/v1/health").json()["status"] == "ok"


def not_ready(client: TestClient, settings: Settings, code: str) -> str:
    answer = client.get(READY)
    assert (answer.status_code, answer.json()["code"]) == (503, code)
    assert str(settings.home) not in answer.text
    assert client.get("/api/v1/health/live").status_code == 200
    return str(answer.json()["detail"])


@one_database
def test_an_index_that_is_gone_is_told_to_all_and_its_pool_to_the_log_and_to_members(
    client: TestClient, settings: Settings, pool: SeededPool, caplog: pytest.LogCaptureFixture
) -> None:
    (settings.indexes / f"{pool.name}-1" / "index.faiss").unlink()
    assert "birds" not in not_ready(client, settings, "index-gone")
    assert "“birds”" in caplog.text
    page = client.get("/pools/birds")
    assert page.status_code == 200
    assert "The index that is served is missing or damaged: bring it up to date" in page.text


@one_database
@pytest.mark.usefixtures("pool")
def test_a_home_that_cannot_be_written_to_is_told(client: TestClient, settings: Settings) -> None:
    # Rights do not hold root back; a file where the folder should be does.
    aside = settings.home.with_name("aside")
    settings.home.rename(aside)
    settings.home.write_text("no folder")
    code = "database-down" if settings.database_url == "" else "home-gone"
    if code == "home-gone":
        not_ready(client, settings, code)
    settings.home.unlink()
    shutil.move(aside, settings.home)
    assert client.get(READY).status_code == 200


@one_database
def test_whoever_asks_again_within_a_moment_gets_the_same_answer(
    client: TestClient, settings: Settings, pool: SeededPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "REMEMBERED_S", 3600)
    assert client.get(READY).status_code == 200
    (settings.indexes / f"{pool.name}-1" / "index.faiss").unlink()
    assert client.get(READY).status_code == 200


def test_another_schema_is_told(client: TestClient, settings: Settings, database: Database) -> None:
    with marked_as(database, "9999"):
        not_ready(client, settings, "other-schema")
    assert client.get(READY).status_code == 200


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_database_that_does_not_answer_is_told(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql+psycopg://nobody@127.0.0.1:9/nope"})
    with TestClient(create_app(away), base_url="http://localhost", client=HERE) as client:
        not_ready(client, away, "database-down")
