"""A stored page at its own address: what was shown, what was decided, and by whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from tests.conftest import both_databases, one_database
from tests.people import acting_as, add_person
from tests.review.conftest import commit, shown
from tests.seeded import SeededPool

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]


def test_a_stored_page_tells_what_was_decided_by_whom_and_with_what(
    client: TestClient, database: Database, start: Start, get_page: GetPage
) -> None:
    page = get_page(start())
    with acting_as(client, add_person(database, "Ada", role="annotator")):
        commit(client, page, rejected=shown(page)[:2], unsure=shown(page)[2:3], milliseconds=5200)
    text = client.get(f"/pages/{page['id']}").text
    assert "Page 1 of “owl”" in text
    assert "7 accepted, 2 rejected, 1 unsure" in text
    assert "Stored by <b>Ada</b>" in text
    assert "after 5.2 s; in force" in text
    assert "encoder made-up, index version 1" in text
    assert text.count('data-verdict="reject"') == 2
    assert "Undo this page" in text


def test_after_an_undo_it_says_so_and_shows_what_had_been_decided(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    page = get_page(start())
    entry = commit(client, page, rejected=shown(page)[:2])["commit"]
    client.delete(f"/api/v1/commits/{entry}")
    text = client.get(f"/pages/{page['id']}").text
    assert "taken back by local" in text
    assert text.count('data-verdict="reject"') == 2
    assert "Undo this page" not in text
    again = client.delete(f"/api/v1/commits/{entry}")
    assert (again.status_code, again.json()["detail"]) == (409, "This commit has been undone already.")
    assert get_page({"id": page["review"]})["id"] == page["id"]


@both_databases
def test_an_open_page_tells_nothing_of_what_was_planted(
    client: TestClient, settings: Settings, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    app.state.settings = settings.model_copy(update={"planted_per_page": 2.0})
    body = {"images": pool.images[-20:], "verdict": "reject"}
    client.post("/api/v1/pools/birds/classes/owl/verdicts", json=body)
    page = get_page(start(), plant=True)
    before = client.get(f"/pages/{page['id']}").text
    assert "Nobody has stored this page yet" in before
    assert "planted" not in before
    assert commit(client, page)["planted"] == 2
    assert client.get(f"/pages/{page['id']}").text.count(">planted</span>") == 2


def test_a_page_that_is_not_there_is_a_404(client: TestClient) -> None:
    assert client.get("/pages/999").status_code == 404
