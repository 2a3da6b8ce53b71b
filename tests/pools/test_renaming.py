"""Renaming pools and classes: what stays, what is refused, what the journal keeps."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import Database
from app.pools.queries import PoolLine
from app.tables import JournalEntry
from tests.conftest import both_databases, one_database

pytestmark = one_database

CLASSES = "/api/v1/pools/birds/classes"


@pytest.fixture(autouse=True)
def classes(client: TestClient, pool: PoolLine) -> None:
    for name in ("owl", "lark"):
        client.post(CLASSES, json={"name": name})


def entries(database: Database) -> list[tuple[str, dict[str, Any] | None]]:
    with database.read() as session:
        entries = select(JournalEntry.act, JournalEntry.details).order_by(JournalEntry.id)
        return [tuple(row) for row in session.execute(entries)]


def test_a_renamed_class_is_found_by_its_new_name_only(client: TestClient) -> None:
    assert client.patch(f"{CLASSES}/OWL", json={"name": " Barn owl "}).json() == {"name": "Barn owl"}
    assert [line["name"] for line in client.get(CLASSES).json()["items"]] == ["Barn owl", "lark"]
    assert client.get(f"{CLASSES}/owl/images").status_code == 404
    assert client.post(CLASSES, json={"name": "owl"}).status_code == 201


def test_a_name_may_change_its_case(client: TestClient) -> None:
    assert client.patch(f"{CLASSES}/owl", json={"name": "OWL"}).json() == {"name": "OWL"}
    assert client.patch("/api/v1/pools/birds", json={"name": "BIRDS"}).json()["name"] == "BIRDS"


@pytest.mark.parametrize(("name", "status"), [("lark", 409), ("LARK", 409), ("", 422), ("=1+1", 422), ("a/b", 422)])
def test_a_class_gets_no_name_that_is_taken_or_no_name(client: TestClient, name: str, status: int) -> None:
    answer = client.patch(f"{CLASSES}/owl", json={"name": name})
    assert answer.status_code == status
    if status == 409:
        assert answer.json()["detail"] == "This pool already has a class “lark”."
    assert [line["name"] for line in client.get(CLASSES).json()["items"]] == ["lark", "owl"]


def test_a_renamed_pool_is_found_by_its_new_name_only(client: TestClient) -> None:
    client.post("/api/v1/pools", json={"name": "nests"})
    taken = client.patch("/api/v1/pools/birds", json={"name": "Nests"})
    assert (taken.status_code, taken.json()["detail"]) == (409, "There is already a pool “nests”.")
    assert client.patch("/api/v1/pools/birds", json={"name": "wings"}).json()["name"] == "wings"
    assert client.get("/api/v1/pools/birds").status_code == 404
    assert client.get("/pools/wings").status_code == 200


@both_databases
def test_what_is_made_and_renamed_is_in_the_journal(client: TestClient, database: Database) -> None:
    client.patch(f"{CLASSES}/owl", json={"name": "Barn owl"})
    client.patch(f"{CLASSES}/lark", json={"name": "lark"})  # its own name: nothing has happened
    client.patch("/api/v1/pools/birds", json={"name": "wings"})
    assert entries(database) == [
        ("make-pool", {"name": "birds"}),
        ("make-class", {"name": "owl"}),
        ("make-class", {"name": "lark"}),
        ("rename-class", {"from": "owl", "to": "Barn owl"}),
        ("rename-pool", {"from": "birds", "to": "wings"}),
    ]
