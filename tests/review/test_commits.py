"""Commits: everything or nothing, once, and back again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import HERE, both_databases, one_database
from tests.review.conftest import shown

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]


@pytest.fixture
def page(start: Start, get_page: GetPage) -> dict[str, Any]:
    return get_page(start())


def commit_url(page: dict[str, Any]) -> str:
    return f"/api/v1/pages/{page['id']}/commit"


def exported(client: TestClient, verdict: str = "accept") -> set[str]:
    lines = client.get("/api/v1/pools/birds/labels.csv", params={"verdict": verdict}).text.splitlines()
    return {line.split(",")[0] for line in lines[1:]}


def test_rejected_images_are_not_labelled_by_acceptance(client: TestClient, page: dict[str, Any]) -> None:
    rejected, unsure, *accepted = shown(page)
    answer = client.post(commit_url(page), json={"rejected": [rejected], "unsure": [unsure], "milliseconds": 900})
    assert answer.status_code == 200
    counts = {name: answer.json()[name] for name in ("accepted", "rejected", "unsure")}
    assert counts == {"accepted": 8, "rejected": 1, "unsure": 1}
    assert answer.json()["labels"] == counts | {"open": 0}
    assert answer.json()["purity"] == [pytest.approx(8 / 9)]
    assert exported(client) == set(accepted)
    assert exported(client, "reject") == {rejected}
    assert exported(client, "unsure") == {unsure}


@pytest.mark.parametrize("key", [None, "mine"])
def test_a_repeated_commit_gets_the_same_answer_and_stores_nothing_more(
    client: TestClient, page: dict[str, Any], key: str | None
) -> None:
    body = {"rejected": shown(page)[:3], "key": key}
    first = client.post(commit_url(page), json=body)
    again = client.post(commit_url(page), json={**body, "rejected": shown(page)[2::-1]})
    assert (again.status_code, again.json()) == (200, first.json())
    assert len(client.get("/api/v1/pools/birds/labels.csv?rows=verdicts").text.splitlines()) == 1 + 10


def test_another_commit_of_a_committed_page_is_refused(client: TestClient, page: dict[str, Any]) -> None:
    client.post(commit_url(page), json={"rejected": shown(page)[:1], "key": "one"})
    for key in (None, "one", "two"):
        answer = client.post(commit_url(page), json={"rejected": shown(page)[:2], "key": key})
        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"
    assert exported(client, "reject") == set(shown(page)[:1])


def test_images_that_were_never_on_the_page_are_refused_and_nothing_is_stored(
    client: TestClient, page: dict[str, Any]
) -> None:
    answer = client.post(commit_url(page), json={"rejected": ["f" * 64]})
    assert answer.status_code == 422
    assert "f" * 64 in answer.json()["detail"]
    assert exported(client) == set()


def test_malformed_ids_are_422(client: TestClient, page: dict[str, Any]) -> None:
    answer = client.post(commit_url(page), json={"rejected": ["../../etc/passwd"]})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_undo_takes_back_the_whole_page_and_opens_it_again(
    client: TestClient, page: dict[str, Any], get_page: GetPage
) -> None:
    client.post(commit_url(page), json={"rejected": shown(page)[:2], "unsure": shown(page)[2:3]})
    answer = client.delete(commit_url(page))
    assert answer.status_code == 200
    assert answer.json()["labels"] == {"accepted": 0, "rejected": 0, "unsure": 0, "open": 0}
    reopened = answer.json()["page"]
    assert (reopened["id"], reopened["state"], shown(reopened)) == (page["id"], "open", shown(page))
    assert reopened["marks"] == {"rejected": shown(page)[:2], "unsure": shown(page)[2:3], "opened": []}
    assert exported(client) == set()
    assert get_page({"id": page["review"]})["id"] == page["id"]


def test_after_an_undo_the_page_can_be_committed_otherwise(client: TestClient, page: dict[str, Any]) -> None:
    client.post(commit_url(page), json={"rejected": shown(page)[:2]})
    client.delete(commit_url(page))
    answer = client.post(commit_url(page), json={"rejected": shown(page)[5:]})
    assert answer.status_code == 200
    assert exported(client) == set(shown(page)[:5])


def test_a_key_gets_its_answer_even_after_an_undo_and_does_not_commit_again(
    client: TestClient, page: dict[str, Any]
) -> None:
    body = {"rejected": shown(page)[:2], "key": "one"}
    first = client.post(commit_url(page), json=body)
    client.delete(commit_url(page))
    assert client.post(commit_url(page), json=body).json() == first.json()
    assert exported(client) == set()
    assert client.post(commit_url(page), json={**body, "key": "two"}).json()["commit"] != first.json()["commit"]
    assert exported(client) == set(shown(page)[2:])


def test_what_has_no_commit_cannot_be_undone(client: TestClient, page: dict[str, Any]) -> None:
    assert client.delete(commit_url(page)).status_code == 404
    client.post(commit_url(page), json={})
    client.delete(commit_url(page))
    assert client.delete(commit_url(page)).status_code == 404


def test_undone_pages_step_back_and_forward_without_loss(client: TestClient, start: Start, get_page: GetPage) -> None:
    review = start()
    first = get_page(review)
    client.post(commit_url(first), json={"rejected": shown(first)[:1]})
    second = get_page(review)
    client.delete(commit_url(first))
    assert get_page(review)["id"] == first["id"]
    client.post(commit_url(first), json={"rejected": shown(first)[:1]})
    assert shown(get_page(review)) == shown(second)


def test_an_undone_verdict_stays_in_the_journal(client: TestClient, page: dict[str, Any]) -> None:
    client.post(commit_url(page), json={})
    client.delete(commit_url(page))
    lines = client.get("/api/v1/pools/birds/labels.csv?rows=verdicts").text.splitlines()
    assert len(lines) == 1 + 10
    assert all(line.endswith(",yes") for line in lines[1:])


def test_an_undo_brings_back_the_label_that_the_commit_had_displaced(
    client: TestClient, start: Start, get_page: GetPage, run_out: Callable[[], None]
) -> None:
    # Both pages are shown before either is committed, since the first one was left alone for long.
    owls = get_page(start("owl"))
    run_out()
    larks = get_page(start("lark"))
    assert shown(owls) == shown(larks)
    client.post(commit_url(owls), json={})
    client.post(commit_url(larks), json={})
    export = "/api/v1/pools/birds/labels.csv"
    assert len(client.get(export, params={"class": "owl"}).text.splitlines()) == 1
    client.delete(commit_url(larks))
    assert len(client.get(export, params={"class": "owl"}).text.splitlines()) == 1 + 10
    assert len(client.get(export, params={"class": "lark"}).text.splitlines()) == 1


@both_databases
def test_two_commits_of_a_page_at_once_store_it_once(client: TestClient, page: dict[str, Any]) -> None:
    def commit(number: int) -> int:
        return client.post(commit_url(page), json={"rejected": shown(page)[:number]}).status_code

    with ThreadPoolExecutor(6) as threads:
        statuses = sorted(threads.map(commit, range(6)))
    assert statuses == [200, 409, 409, 409, 409, 409]
    assert len(client.get("/api/v1/pools/birds/labels.csv?rows=verdicts").text.splitlines()) == 1 + 10


def test_a_restarted_server_knows_the_open_page(
    settings: Settings, client: TestClient, start: Start, get_page: GetPage
) -> None:
    review = start()
    page = get_page(review)
    with TestClient(create_app(settings), base_url="http://localhost", client=HERE) as restarted:
        answer = restarted.post(f"/api/v1/reviews/{review['id']}/pages", json={"size": 10}).json()
        assert shown(answer) == shown(page)
        assert restarted.post(commit_url(answer), json={}).status_code == 200
    assert exported(client) == set(shown(page))
