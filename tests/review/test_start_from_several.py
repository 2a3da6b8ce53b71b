"""Starting a review from several images, from what is not wanted, and from what a class has accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.review import starting
from app.settings import Settings
from tests.conftest import one_database
from tests.review.conftest import OTHERS, OWLS, shown
from tests.seeded import SeededPool, seed_pool, serve_new_version, two_heaps

pytestmark = one_database

REVIEWS = "/api/v1/pools/birds/reviews"
GetPage = Callable[..., dict[str, Any]]


def start(client: TestClient, **query: Any) -> Any:
    return client.post(REVIEWS, json={"class": "owl", "query": query})


def accept(client: TestClient, page: dict[str, Any], **marks: list[str]) -> None:
    assert client.post(f"/api/v1/pages/{page['id']}/commit", json=marks).status_code == 200


@pytest.fixture
def three_heaps(settings: Settings, database: Database) -> list[list[str]]:
    """The images of a pool “birds” with the class “owl”, a list for each heap; the third is most of the pool."""
    sizes = (15, 15, 120)
    heaps = np.repeat(np.eye(16)[:3], sizes, axis=0)
    vectors = heaps + 0.1 * np.random.default_rng(0).standard_normal(heaps.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    images = seed_pool(settings, database, vectors=vectors.astype(np.float32)).images
    return [images[:15], images[15:30], images[30:]]


def test_several_images_find_what_is_like_any_of_them(
    client: TestClient, three_heaps: list[list[str]], get_page: GetPage
) -> None:
    one, other, rest = three_heaps
    found = set(shown(get_page(start(client, images=[one[0], other[0]]).json(), size=20)))
    assert len(found & set(one)) >= 5
    assert len(found & set(other)) >= 5
    assert not found & set(rest)


def test_what_is_not_wanted_moves_its_like_back(
    client: TestClient, three_heaps: list[list[str]], get_page: GetPage
) -> None:
    one, other, _ = three_heaps
    review = start(client, images=[one[0], other[0]], unwanted=other[1:6]).json()
    assert review["query"]["unwanted"] == other[1:6]
    assert set(shown(get_page(review, size=15))) == set(one)


def test_what_is_not_wanted_gets_no_verdict(client: TestClient, pool: SeededPool) -> None:
    review = start(client, images=pool.images[:1], unwanted=pool.images[-2:]).json()
    assert review["labels"] == {"accepted": 0, "rejected": 0, "unsure": 0, "open": 0}


def test_what_is_not_wanted_is_remembered_beside_more_rejects_than_are_looked_at(
    client: TestClient, pool: SeededPool, get_page: GetPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ("served_index", "ranking"):
        monkeypatch.setattr(f"app.search.{room}.REMEMBERED", 2)
    page = get_page(start(client, images=pool.images[:1]).json(), size=6)
    accept(client, page, rejected=shown(page)[2:])
    without, with_ = (
        shown(get_page(start(client, images=pool.images[:1], unwanted=unwanted).json(), size=40))
        for unwanted in ([], pool.images[-2:])
    )
    assert without != with_


def test_labelled_starts_from_what_the_class_has_accepted(
    client: TestClient, pool: SeededPool, get_page: GetPage
) -> None:
    page = get_page(start(client, images=pool.images[:1]).json(), size=12)
    rejected = shown(page)[-2:]
    accept(client, page, rejected=rejected)
    answer = start(client, labelled=True)
    assert answer.status_code == 201
    assert set(answer.json()["query"]["images"]) == set(shown(page)) - set(rejected)
    assert set(shown(get_page(answer.json(), size=10))) <= set(pool.images[:OWLS])


def test_labelled_writes_down_only_so_many_spread_over_all(
    client: TestClient, pool: SeededPool, get_page: GetPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "LABELLED_KEPT", 3)
    page = get_page(start(client, images=pool.images[:1]).json(), size=9)
    accept(client, page)
    query = start(client, labelled=True).json()["query"]["images"]
    assert [shown(page).index(image) for image in query] == [0, 4, 8]


def test_labelled_leaves_out_what_is_not_wanted(client: TestClient, pool: SeededPool, get_page: GetPage) -> None:
    page = get_page(start(client, images=pool.images[:1]).json(), size=4)
    accept(client, page)
    unwanted = shown(page)[:1]
    query = start(client, labelled=True, unwanted=unwanted).json()["query"]
    assert (query["images"], query["unwanted"]) == (shown(page)[1:], unwanted)
    answer = start(client, labelled=True, unwanted=shown(page))
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing-to-start-from")


def test_an_image_rejected_for_the_class_may_be_started_from_and_still_does_not_come_back(
    client: TestClient, pool: SeededPool, get_page: GetPage
) -> None:
    page = get_page(start(client, images=pool.images[:1]).json(), size=5)
    rejected = shown(page)[0]
    accept(client, page, rejected=[rejected])
    review = start(client, images=[rejected], unwanted=shown(page)[1:2])
    assert review.status_code == 201
    following = shown(get_page(review.json(), size=100))
    assert following
    assert rejected not in following


@pytest.mark.parametrize("kind", ["images", "unwanted"])
def test_an_image_that_is_not_indexed_is_named(
    settings: Settings, database: Database, client: TestClient, pool: SeededPool, kind: str
) -> None:
    left_out = pool.images.pop()
    serve_new_version(settings, database, pool, vectors=two_heaps(OWLS, OTHERS - 1))
    answer = start(client, **{"images": pool.images[:1], kind: [*pool.images[1:2], left_out]})
    assert (answer.status_code, answer.json()["code"]) == (409, "image-not-indexed")
    assert left_out in answer.json()["detail"]


def test_labelled_needs_an_image_that_is_indexed(
    settings: Settings, database: Database, client: TestClient, pool: SeededPool, get_page: GetPage
) -> None:
    page = get_page(start(client, images=pool.images[:1]).json(), size=1)
    accept(client, page)
    pool.images.remove(shown(page)[0])
    serve_new_version(settings, database, pool, vectors=two_heaps(OWLS - 1, OTHERS))
    answer = start(client, labelled=True)
    assert (answer.status_code, answer.json()["code"]) == (409, "image-not-indexed")
