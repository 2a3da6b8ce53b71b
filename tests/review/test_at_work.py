"""Who is at work on a pool's classes, and how far they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from tests.conftest import both_databases, one_database
from tests.review.conftest import commit, shown

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]
AT_WORK = "/api/v1/pools/birds/at-work"


def at_work(client: TestClient, **asked: str) -> list[dict[str, Any]]:
    answer = client.get(AT_WORK, params=asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["classes"])


def test_whoever_has_a_page_is_at_work_with_what_was_stored_so_far(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    owls, more_owls, larks = start("owl"), start("owl"), start("lark")
    assert at_work(client) == []
    page = get_page(owls)
    commit(client, page, rejected=shown(page)[:3], unsure=shown(page)[3:4])
    for review in (owls, more_owls, larks):
        get_page(review)
    lark, owl = at_work(client)
    assert (lark["class"], lark["labels"]) == ("lark", {"accepted": 0, "rejected": 0, "unsure": 0, "open": 0})
    assert (owl["class"], owl["labels"]) == ("owl", {"accepted": 6, "rejected": 3, "unsure": 1, "open": 0})
    assert owl["reviews"] == [
        {"review": owls["id"], "person": owls["person"], "mine": True, "pages": 1, "accepted": 6},
        {"review": more_owls["id"], "person": owls["person"], "mine": True, "pages": 0, "accepted": 0},
    ]
    assert at_work(client, **{"class": "lark"}) == [lark]


def test_whoever_has_left_a_page_alone_for_long_is_not_at_work(
    client: TestClient, start: Start, get_page: GetPage, run_out: Callable[[], None]
) -> None:
    get_page(start())
    run_out()
    assert at_work(client) == []


def test_what_was_undone_does_not_count(client: TestClient, start: Start, get_page: GetPage) -> None:
    page = get_page(start())
    commit(client, page)
    client.delete(f"/api/v1/pages/{page['id']}/commit")
    [owl] = at_work(client)
    assert [(each["pages"], each["accepted"]) for each in owl["reviews"]] == [(0, 0)]


@both_databases
def test_a_review_of_a_merged_class_counts_for_the_class_it_was_merged_into(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    review = start("lark")
    get_page(review)
    client.post("/api/v1/pools/birds/classes/lark/merge", json={"into": "owl"})
    [owl] = at_work(client)
    assert owl["class"] == "owl"
    assert [each["review"] for each in owl["reviews"]] == [review["id"]]
    assert at_work(client, **{"class": "owl"}) == [owl]


def test_an_unknown_pool_or_class_is_404(client: TestClient, start: Start) -> None:
    assert client.get("/api/v1/pools/nowhere/at-work").status_code == 404
    assert client.get(AT_WORK, params={"class": "nothing"}).status_code == 404
