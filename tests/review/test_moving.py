"""A review that moves to another index version."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from tests.conftest import one_database
from tests.review.conftest import OTHERS, OWLS, commit, labels, shown
from tests.seeded import SeededPool, seed_pool, serve_new_version, two_heaps

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]


@pytest.fixture
def moved_on(settings: Settings, database: Database, pool: SeededPool) -> Callable[[], None]:
    """Serve a version in which owls and others have changed places."""

    def serve() -> None:
        vectors = two_heaps(OWLS, OTHERS)
        vectors[:, [0, 1]] = vectors[:, [1, 0]]
        serve_new_version(settings, database, pool, vectors=vectors)

    return serve


def test_a_review_goes_on_where_it_began_until_it_is_moved_and_keeps_all_verdicts(
    client: TestClient, moved_on: Callable[[], None], start: Start, get_page: GetPage
) -> None:
    review = start()
    first = get_page(review)
    commit(client, first, rejected=shown(first)[:2])
    open_page = get_page(review)
    before = (labels(client), labels(client, "reject"))
    moved_on()
    url = f"/api/v1/reviews/{review['id']}"
    stayed = client.get(url).json()
    assert stayed["index_version"] != stayed["served_version"]
    assert get_page(review)["id"] == open_page["id"]
    moved = client.put(f"{url}/index-version", json={}).json()
    assert moved["index_version"] == moved["served_version"] == stayed["served_version"]
    after = get_page(review)
    assert after["id"] != open_page["id"]
    assert (labels(client), labels(client, "reject")) == before
    assert not set(shown(after)) & {*before[0], *before[1]}
    # And back again, by name.
    back = client.put(f"{url}/index-version", json={"index_version": stayed["index_version"]}).json()
    assert back["index_version"] == stayed["index_version"]


def test_what_was_decided_before_a_move_still_tells_by_which_version(
    client: TestClient, moved_on: Callable[[], None], start: Start, get_page: GetPage
) -> None:
    review = start()
    first = get_page(review)
    commit(client, first)
    moved_on()
    moved = client.put(f"/api/v1/reviews/{review['id']}/index-version", json={}).json()
    second = get_page(review)
    commit(client, second)
    exported = csv.DictReader(io.StringIO(client.get("/api/v1/pools/birds/labels.csv").text))
    by_image = {row["image"]: int(row["index_version"]) for row in exported}
    assert {by_image[image] for image in shown(first)} == {review["index_version"]}
    assert {by_image[image] for image in shown(second)} == {moved["index_version"]}


def test_a_version_of_another_pool_or_none_is_refused(
    client: TestClient, settings: Settings, database: Database, start: Start
) -> None:
    review = start()
    seed_pool(settings, database, vectors=two_heaps(3, 3), name="fish")
    fish = client.get("/api/v1/pools/fish/served").json()["index_version"]["id"]
    for version in (fish, 999_999):
        answer = client.put(f"/api/v1/reviews/{review['id']}/index-version", json={"index_version": version})
        assert (answer.status_code, answer.json()["code"]) == (404, "version-not-found")
    assert client.get(f"/api/v1/reviews/{review['id']}").json()["index_version"] == review["index_version"]


def test_moving_to_where_it_is_changes_nothing(client: TestClient, start: Start) -> None:
    review = start()
    assert client.put(f"/api/v1/reviews/{review['id']}/index-version").json() == review
