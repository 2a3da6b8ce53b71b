"""Starting a review: from images, and from what cannot be used."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from tests.conftest import one_database
from tests.review.conftest import OTHERS, OWLS
from tests.seeded import SeededPool, serve_new_version, two_heaps

pytestmark = one_database

REVIEWS = "/api/v1/pools/birds/reviews"
JSON = {"Content-Type": "application/json"}


def start_from(client: TestClient, *images: str, label: str = "owl") -> Any:
    return client.post(REVIEWS, json={"class": label, "query": {"images": list(images)}})


def test_a_review_says_what_it_is(client: TestClient, pool: SeededPool) -> None:
    review = start_from(client, pool.images[1], pool.images[0], pool.images[1]).json()
    assert review["class"] == "owl"
    assert review["query"] == {
        "images": [pool.images[1], pool.images[0]],
        "uploads": [],
        "crops": [],
        "unwanted": [],
    }
    assert review["url"] == f"/reviews/{review['id']}"
    assert client.get(f"/api/v1/reviews/{review['id']}").json() == review


def test_class_and_pool_are_known_whatever_their_case(client: TestClient, pool: SeededPool) -> None:
    answer = client.post("/api/v1/pools/BIRDS/reviews", json={"class": "Owl", "query": {"images": pool.images[:1]}})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"class": "phoenix", "query": {"images": ["IMAGE"]}}, 404),
        ({"class": "owl", "query": {"images": []}}, 422),
        ({"class": "owl", "query": {}}, 422),
        ({"class": "owl", "query": {"labelled": False}}, 422),
        ({"class": "owl", "query": {"unwanted": ["IMAGE"]}}, 422),
        ({"class": "owl", "query": {"images": ["IMAGE"], "unwanted": ["IMAGE"]}}, 422),
        ({"class": "owl", "query": {"images": ["IMAGE"], "unwanted": ["0" * 64]}}, 422),
        ({"class": "owl", "query": {"labelled": True}}, 409),
        ({"class": "owl", "query": {"images": ["0" * 64]}}, 422),
        ({"class": "owl", "query": {"images": ["short"]}}, 422),
        ({"class": "owl"}, 422),
        ({"class": "owl", "query": {"images": ["IMAGE"]}, "surprise": 1}, 422),
    ],
)
def test_a_query_that_cannot_be_used_is_refused_with_a_sentence(
    client: TestClient, pool: SeededPool, body: dict[str, Any], status: int
) -> None:
    answer = client.post(REVIEWS, content=json.dumps(body).replace("IMAGE", pool.images[0]), headers=JSON)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith((".", "first."))
    assert client.get(REVIEWS).json() == {"items": []}


def test_another_content_type_is_415(client: TestClient, pool: SeededPool) -> None:
    assert client.post(REVIEWS, content="class=owl", headers={"Content-Type": "text/plain"}).status_code == 415


def test_broken_json_is_422(client: TestClient, pool: SeededPool) -> None:
    answer = client.post(REVIEWS, content='{"class":', headers={"Content-Type": "application/json"})
    assert answer.status_code == 422


def test_a_pool_without_an_index_asks_for_a_reindex(client: TestClient) -> None:
    client.post("/api/v1/pools", json={"name": "birds"})
    client.post("/api/v1/pools/birds/classes", json={"name": "owl"})
    answer = start_from(client, "0" * 64)
    assert answer.status_code == 409
    assert "reindex" in answer.json()["detail"]


def test_reviews_are_listed_the_one_worked_on_last_first(client: TestClient, pool: SeededPool) -> None:
    first = start_from(client, pool.images[0]).json()
    second = start_from(client, pool.images[1], label="lark").json()
    page = client.post(f"/api/v1/reviews/{first['id']}/pages", json={"size": 5}).json()
    rejected = [candidate["image"] for candidate in page["candidates"][:2]]
    client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": rejected})
    items = client.get(REVIEWS).json()["items"]
    assert [item["id"] for item in items] == [first["id"], second["id"]]
    assert {name: items[0][name] for name in ("class", "pages", "accepted", "rejected", "thumbnail")} == {
        "class": "owl",
        "pages": 1,
        "accepted": 3,
        "rejected": 2,
        "thumbnail": pool.images[0],
    }
    assert items[1]["pages"] == 0


def test_an_open_review_stays_on_the_version_it_was_started_on(
    settings: Settings, database: Database, client: TestClient, pool: SeededPool
) -> None:
    before = start_from(client, pool.images[0]).json()
    serve_new_version(settings, database, pool, vectors=two_heaps(OWLS, OTHERS, seed=1))
    after = start_from(client, pool.images[0]).json()
    assert after["index_version"] != before["index_version"]
    assert client.get(f"/api/v1/reviews/{before['id']}").json()["index_version"] == before["index_version"]
    scores = [
        client.post(f"/api/v1/reviews/{review['id']}/pages", json={"size": 5}).json()["candidates"][1]["score"]
        for review in (before, after)
    ]
    assert scores[0] != scores[1]
