"""Starting a review: from images, from an upload, and from what cannot be used."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import update
from starlette.testclient import TestClient

from app.db import Database
from app.registry.encoders import find_encoder
from app.settings import Settings
from app.tables import Encoder
from tests.review.conftest import OTHERS, OWLS
from tests.seeded import SeededPool, seed_pool, serve_new_version, two_heaps

REVIEWS = "/api/v1/pools/birds/reviews"


def picture(width: int = 32, height: int = 32) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    return file.getvalue()


def pool_of_the_shipped_encoder(settings: Settings, database: Database) -> None:
    """Seed a pool whose vectors claim to be the shipped encoder's, so that an upload is embedded by it."""
    _, encoder = find_encoder(settings, settings.encoder)
    seed_pool(settings, database, vectors=two_heaps(10, 10, dimension=encoder.dimension))
    with database.write() as session:
        session.execute(update(Encoder).values(name=encoder.name, digest=encoder.digest, dimension=encoder.dimension))


def start_from(client: TestClient, *images: str, label: str = "owl") -> Any:
    return client.post(REVIEWS, json={"class": label, "query": {"images": list(images)}})


def test_a_review_says_what_it_is(client: TestClient, pool: SeededPool) -> None:
    review = start_from(client, pool.images[1], pool.images[0], pool.images[1]).json()
    assert review["class"] == "owl"
    assert review["query"] == {"images": [pool.images[1], pool.images[0]], "uploads": []}
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
        ({"class": "owl", "query": {"images": ["0" * 64]}}, 422),
        ({"class": "owl", "query": {"images": ["short"]}}, 422),
        ({"class": "owl"}, 422),
        ({"class": "owl", "query": {"images": ["IMAGE"]}, "surprise": 1}, 422),
    ],
)
def test_a_query_that_cannot_be_used_is_refused_with_a_sentence(
    client: TestClient, pool: SeededPool, body: dict[str, Any], status: int
) -> None:
    if "query" in body:
        body = {**body, "query": {"images": [pool.images[0] if i == "IMAGE" else i for i in body["query"]["images"]]}}
    answer = client.post(REVIEWS, json=body)
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


def test_an_uploaded_picture_starts_a_review_and_can_be_seen(
    settings: Settings, client: TestClient, database: Database
) -> None:
    pool_of_the_shipped_encoder(settings, database)
    answer = client.post(REVIEWS, data={"class": "owl"}, files={"upload": ("my owl.png", picture())})
    assert answer.status_code == 201
    (upload,) = answer.json()["query"]["uploads"]
    assert client.get(f"/api/v1/images/{upload}/thumbnail").headers["content-type"] == "image/webp"
    assert client.get(REVIEWS).json()["items"][0]["thumbnail"] == upload
    page = client.post(f"/api/v1/reviews/{answer.json()['id']}/pages", json={"size": 5}).json()
    assert len(page["candidates"]) == 5


@pytest.mark.parametrize("broken", [b"", b"no picture at all", picture()[:60]])
def test_an_upload_that_is_no_picture_is_415_and_starts_nothing(
    settings: Settings, client: TestClient, database: Database, broken: bytes
) -> None:
    pool_of_the_shipped_encoder(settings, database)
    answer = client.post(REVIEWS, data={"class": "owl"}, files={"upload": ("a.jpg", broken)})
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/problem+json")
    assert client.get(REVIEWS).json()["items"] == []


def test_a_form_without_an_upload_is_422(client: TestClient, pool: SeededPool) -> None:
    answer = client.post(REVIEWS, data={"class": "owl"}, files={"other": ("a.png", picture())})
    assert answer.status_code == 422


def test_too_large_an_upload_is_413(settings: Settings, client: TestClient, pool: SeededPool) -> None:
    big = b"\0" * (settings.max_upload_bytes + 100_000)
    answer = client.post(REVIEWS, data={"class": "owl"}, files={"upload": ("a.png", big)})
    assert answer.status_code == 413
    assert "WINNOW_MAX_UPLOAD_BYTES" in answer.json()["detail"]


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
