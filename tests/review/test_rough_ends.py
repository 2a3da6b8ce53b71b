"""Odd pools and odd annotators: nothing crashes, nothing loops, and no page is empty without a sentence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from tests.conftest import one_database
from tests.review.conftest import commit, shown
from tests.seeded import SeededPool, seed_pool, two_heaps

pytestmark = one_database

GetPage = Callable[..., dict[str, Any]]
Begin = Callable[..., dict[str, Any]]


@pytest.fixture
def begin(client: TestClient) -> Begin:
    def begin(pool: SeededPool, *, label: str = "owl", **query: Any) -> dict[str, Any]:
        body = {"class": label, "query": query or {"images": [pool.images[0]]}}
        answer = client.post(f"/api/v1/pools/{pool.name}/reviews", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return begin


def outlook(client: TestClient, review: dict[str, Any], page: dict[str, Any] | None = None) -> dict[str, Any]:
    """The outlook of a review, which has to hold numbers that are numbers, and a sentence."""
    query = {"page": page["id"]} if page and page["id"] else {}
    answer = client.get(f"/api/v1/reviews/{review['id']}/outlook", params=query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert told["sentence"].endswith(".")
    assert told["low"] <= told["left"] <= told["high"] <= told["remaining"]
    assert 0 <= told["cut"] <= told["remaining"]
    assert all(0 <= bar["probability"] <= 1 for bar in told["bins"])
    assert math.isfinite(told["next_purity"])
    return told


@pytest.mark.parametrize("verdict", ["accepted", "rejected"])
def test_everything_one_way_to_the_end_of_the_pool(
    client: TestClient, settings: Settings, database: Database, begin: Begin, get_page: GetPage, verdict: str
) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(40, 60))
    review = begin(pool)
    for _ in range(100):
        page = get_page(review, size=15, plant=True)
        told = outlook(client, review, page)
        if page["id"] is None:
            break
        commit(client, page, rejected=shown(page) if verdict == "rejected" else [])
    assert page["message"].startswith("Every image of this pool has been decided")
    assert told["remaining"] == 0
    labels = client.get(f"/api/v1/reviews/{review['id']}").json()["labels"]
    assert labels[verdict] == 100


def test_within_three_pages_it_is_noticed_that_nothing_matches(
    client: TestClient, settings: Settings, database: Database, begin: Begin, get_page: GetPage
) -> None:
    review = begin(seed_pool(settings, database, vectors=two_heaps(200, 200)))
    for _ in range(3):
        assert not outlook(client, review)["sentence"].startswith("There seems to be no match")
        page = get_page(review, size=60)
        commit(client, page, rejected=shown(page))
    told = outlook(client, review)
    assert told["stop"]
    assert told["sentence"].startswith("There seems to be no match in this pool")


def test_a_query_that_is_itself_rejected(
    client: TestClient, settings: Settings, database: Database, begin: Begin, get_page: GetPage
) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(30, 30))
    verdicts = f"/api/v1/pools/{pool.name}/classes/owl/verdicts"
    client.post(verdicts, json={"images": pool.images[:1], "verdict": "reject"})
    review = begin(pool)
    page = get_page(review)
    assert len(shown(page)) == 10
    assert pool.images[0] not in shown(page)
    outlook(client, review, page)


def test_a_pool_of_one_image(
    client: TestClient, settings: Settings, database: Database, begin: Begin, get_page: GetPage
) -> None:
    vectors = np.eye(16, dtype=np.float32)[:2]
    pool = seed_pool(settings, database, vectors=vectors)
    review = begin(pool)
    assert get_page(review, kind="deeper")["message"].startswith("There is nothing deeper")
    page = get_page(review, size=60)
    assert len(shown(page)) == 2
    outlook(client, review, page)
    commit(client, page, rejected=shown(page)[1:])
    outlook(client, review)
    for kind in ("next", "deeper"):
        nothing = get_page(review, kind=kind)
        assert nothing["id"] is None
        assert nothing["message"]
    assert client.post(f"/api/v1/reviews/{review['id']}/lots", json={"size": 1}).json()["code"] == "nothing-to-draw"


def test_a_page_of_only_near_duplicates(
    client: TestClient, settings: Settings, database: Database, begin: Begin, get_page: GetPage
) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(20, 2), stacks=[range(20)])
    review = begin(pool)
    page = get_page(review, size=1)
    (tile,) = page["candidates"]
    assert len(tile["beneath"]) == 19
    outlook(client, review, page)
    assert commit(client, page)["accepted"] == 20
    assert len(shown(get_page(review))) == 2


def test_vectors_that_are_all_the_same(
    client: TestClient, settings: Settings, database: Database, begin: Begin, get_page: GetPage
) -> None:
    pool = seed_pool(settings, database, vectors=np.repeat(np.eye(16, dtype=np.float32)[:1], 50, axis=0))
    review = begin(pool)
    page = get_page(review, size=20)
    outlook(client, review, page)
    commit(client, page, rejected=shown(page)[:10])
    outlook(client, review, get_page(review, size=20))


def test_two_classes_want_the_same_images(
    client: TestClient,
    settings: Settings,
    database: Database,
    begin: Begin,
    get_page: GetPage,
    run_out: Callable[[], None],
) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(30, 30), classes=("owl", "bird"))
    owls, birds = begin(pool), begin(pool, label="bird")
    first = get_page(owls)
    run_out()
    same = get_page(birds)
    assert shown(first) == shown(same)
    commit(client, first)
    commit(client, same)
    # One class per image: the later acceptance holds, and the first class offers them again.
    assert client.get(f"/api/v1/reviews/{owls['id']}").json()["labels"]["accepted"] == 0
    assert client.get(f"/api/v1/reviews/{birds['id']}").json()["labels"]["accepted"] == 10
    assert not set(shown(get_page(owls))) & set(shown(first))
    outlook(client, owls)


def test_an_outlook_of_no_review_or_of_odd_values(client: TestClient) -> None:
    assert client.get("/api/v1/reviews/999/outlook").status_code == 404
    for query in ("size=0", "size=501", "page=0", "page=x"):
        assert client.get(f"/api/v1/reviews/1/outlook?{query}").status_code == 422


def test_an_outlook_tells_nothing_of_another_reviews_page(
    client: TestClient, settings: Settings, database: Database, begin: Begin, get_page: GetPage
) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(30, 30), classes=("owl", "bird"))
    owls, birds = begin(pool), begin(pool, label="bird")
    page = get_page(birds)
    for named in (page["id"], 999):
        answer = client.get(f"/api/v1/reviews/{owls['id']}/outlook", params={"page": named})
        assert (answer.status_code, answer.json()["code"]) == (404, "page-not-found")
