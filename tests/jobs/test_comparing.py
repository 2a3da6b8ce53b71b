"""Two index versions compared on a pool's own labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.jobs.comparing import compare
from app.jobs.outcome import better, sentence
from app.registry.queries import versions_of
from app.settings import Settings
from app.tables import Pool
from tests.seeded import SeededPool, seed_pool, serve_new_version, two_heaps

OWLS, OTHERS = 40, 60

Compared = Callable[[], dict[str, Any]]


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    """A pool whose first version tells owls from others, and whose second, which is served, knows nothing."""
    seeded = seed_pool(settings, database, vectors=two_heaps(OWLS, OTHERS), classes=("owl", "lark"))
    noise = np.random.default_rng(1).standard_normal((OWLS + OTHERS, 16)).astype(np.float32)
    serve_new_version(settings, database, seeded, vectors=noise / np.linalg.norm(noise, axis=1, keepdims=True))
    return seeded


@pytest.fixture
def compared(settings: Settings, database: Database, pool: SeededPool) -> Compared:
    """Compare the version that knows nothing with the one that does."""

    def run() -> dict[str, Any]:
        told: list[tuple[str, int, int]] = []
        with database.read() as session:
            pool_id = session.query(Pool.id).scalar()
            second, first = versions_of(session, pool_id=pool_id)
            found = compare(session, settings.indexes, first=second, second=first, told=lambda *news: told.append(news))
        assert told[0][0] == "neighbours"
        return json.loads(json.dumps(found, allow_nan=False))

    return run


def label(client: TestClient, pool: SeededPool) -> None:
    for name, images in (("owl", pool.images[:OWLS]), ("lark", pool.images[OWLS:])):
        body = {"images": images, "verdict": "accept"}
        assert client.post(f"/api/v1/pools/birds/classes/{name}/verdicts", json=body).status_code == 200


def review(client: TestClient, pool: SeededPool, *, pages: int, start: int = 0) -> None:
    owls = set(pool.images[:OWLS])
    begun = {"class": "owl", "query": {"images": [pool.images[start]]}}
    made = client.post("/api/v1/pools/birds/reviews", json=begun).json()["id"]
    for _ in range(pages):
        page = client.post(f"/api/v1/reviews/{made}/pages", json={"size": 10, "plant": False}).json()
        wrong = [tile["image"] for tile in page["candidates"] if tile["image"] not in owls]
        assert client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": wrong}).status_code == 200


def test_without_labels_only_neighbours_are_compared(compared: Compared) -> None:
    found = compared()
    assert (found["measures"], found["classes"], found["replay"], found["better"]) == ([], [], None, None)
    assert found["images"] == OWLS + OTHERS
    assert found["overlap"]["10"]["value"] < found["overlap"]["60"]["value"] < 1
    assert "two classes of 10 accepted images" in found["notes"][0]
    assert found["sentence"].startswith("Nobody has labelled enough yet")


def test_labels_tell_which_version_is_better(client: TestClient, pool: SeededPool, compared: Compared) -> None:
    label(client, pool)
    found = compared()
    figures = {row["name"]: row for row in found["measures"]}
    assert set(figures) == {"kNN accuracy", "linear probe accuracy", "precision at 60"}
    for row in [*figures.values(), *found["classes"]]:
        assert row["first"] < 0.8 < row["second"]
        assert 0 < row["low"] < row["second"] - row["first"] < row["high"]
    assert sorted(row["name"] for row in found["classes"]) == ["lark", "owl"]
    assert found["better"] == found["second"]["id"]
    assert found["sentence"].startswith("The 20 nearest neighbours name the right class for 100.0")
    assert "A replay needs at least one review" in found["notes"][-1]


def test_past_reviews_are_replayed_on_both(client: TestClient, pool: SeededPool, compared: Compared) -> None:
    # By the version that knows nothing: it met rejects, which the other one would have been spared.
    review(client, pool, pages=3)
    review(client, pool, pages=2, start=1)
    found = compared()
    replay = found["replay"]
    assert replay["reviews"] == 2
    assert replay["first"] > 4 * (1 + replay["second"])
    assert replay["high"] < -0.5
    assert found["better"] == found["second"]["id"]
    assert "fewer rejects with version 1 (made-up) than with version 2 (made-up)" in found["sentence"]
    assert found["notes"][-1].startswith("A replay ends at 90% of what the review accepted")


def test_what_was_taken_back_is_not_replayed(client: TestClient, pool: SeededPool, compared: Compared) -> None:
    review(client, pool, pages=1)
    assert client.delete("/api/v1/pages/1/commit").status_code == 200
    assert compared()["replay"] is None


def test_reviews_of_a_class_that_was_merged_are_replayed(
    client: TestClient, pool: SeededPool, compared: Compared
) -> None:
    review(client, pool, pages=1)
    assert client.post("/api/v1/pools/birds/classes/owl/merge", json={"into": "lark"}).status_code == 200
    assert compared()["replay"]["reviews"] == 1


def test_a_sentence_claims_no_more_than_is_known() -> None:
    sides = {"first": {"id": 1, "encoder": "a"}, "second": {"id": 2, "encoder": "b"}, "measures": []}
    replay = {"reviews": 5, "first": 1800, "second": 1242, "change": -0.31, "low": -0.36, "high": -0.25}
    clear = {**sides, "replay": replay}
    assert sentence(clear) == (
        "The 5 past reviews would have needed 31 % fewer rejects with version 2 (b) than with version 1 (a): "
        "1,242 instead of 1,800 (between 36 % fewer and 25 % fewer)."
    )
    assert better(clear) == 2
    unclear = {**sides, "replay": {**replay, "low": -0.6, "high": 0.1}}
    assert "about as many rejects" in sentence(unclear)
    assert better(unclear) is None
    assert better({**sides, "replay": {**replay, "low": 0.1, "high": 0.2}}) == 1
    one = {**sides, "replay": {**replay, "reviews": 1, "low": None, "high": None}}
    assert sentence(one).startswith("The past review would have needed 31 % fewer")
    assert better(one) is None
