"""Stacks on a page: one tile stands for near-duplicates, and its verdict goes to all of them."""

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
from tests.seeded import SeededPool, seed_pool, two_heaps

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]

BURST = (3, 4, 5, 6)
PAIR = (40, 41)


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(OWLS, OTHERS), classes=("owl", "lark"), stacks=(BURST, PAIR))


def stack_on(page: dict[str, Any], pool: SeededPool, stack: tuple[int, ...] = BURST) -> tuple[str, list[str]]:
    """The tile of a stack, and the images beneath it."""
    members = {pool.images[place] for place in stack}
    (tile,) = (candidate for candidate in page["candidates"] if candidate["image"] in members)
    return tile["image"], [picture["image"] for picture in tile["beneath"]]


def test_a_stack_is_one_tile_with_the_best_on_top(pool: SeededPool, start: Start, get_page: GetPage) -> None:
    page = get_page(start(), size=30)
    assert len(shown(page)) == 30
    top, beneath = stack_on(page, pool)
    assert {top, *beneath} == {pool.images[place] for place in BURST}
    (tile,) = (candidate for candidate in page["candidates"] if candidate["image"] == top)
    scores = [tile["score"], *(picture["score"] for picture in tile["beneath"])]
    assert scores == sorted(scores, reverse=True)
    assert sum(len(candidate["beneath"]) for candidate in page["candidates"]) >= 3


def test_one_decision_covers_the_stack_and_each_verdict_says_so(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    page = get_page(start(), size=20)
    top, beneath = stack_on(page, pool)
    answer = commit(client, page, rejected=[top])
    assert answer["rejected"] == len(BURST)
    assert labels(client, "reject") == {top, *beneath}
    exported = client.get("/api/v1/pools/birds/labels.csv?verdict=reject").text
    basis = {row["image"]: row["basis"] for row in csv.DictReader(io.StringIO(exported))}
    assert basis == {top: "seen"} | dict.fromkeys(beneath, "stack")


def test_an_opened_stack_is_judged_image_by_image_and_an_undo_brings_it_back_open(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    page = get_page(start(), size=20)
    top, beneath = stack_on(page, pool)
    commit(client, page, rejected=[beneath[0]], opened=[top])
    assert labels(client, "reject") == {beneath[0]}
    assert {top, *beneath[1:]} <= labels(client)
    reopened = client.delete(f"/api/v1/pages/{page['id']}/commit").json()["page"]
    assert reopened["marks"] == {"rejected": [beneath[0]], "unsure": [], "opened": [top]}
    assert stack_on(reopened, pool) == (top, beneath)


def test_what_is_decided_of_a_stack_leaves_the_rest_to_come(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    decided = pool.images[BURST[0]]
    body = {"images": [decided], "verdict": "reject"}
    client.post(f"/api/v1/pools/{pool.name}/classes/owl/verdicts", json=body)
    top, beneath = stack_on(get_page(start(), size=30), pool, BURST[1:])
    assert decided not in {top, *beneath}
    assert len(beneath) == 2


def test_a_whole_pool_is_seen_though_pages_hold_more_images_than_tiles(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    review, seen = start(), set[str]()
    while (page := get_page(review, size=15))["id"] is not None:
        images = [picture["image"] for tile in page["candidates"] for picture in (tile, *tile["beneath"])]
        assert not seen & set(images)
        seen |= set(images)
        commit(client, page)
    assert len(seen) == OWLS + OTHERS


def test_looking_ahead_knows_of_stacks(client: TestClient, pool: SeededPool, start: Start, get_page: GetPage) -> None:
    review = start()
    page = get_page(review, size=20)
    top, _ = stack_on(page, pool)
    marks = {"rejected": [top]}
    ahead = client.post(f"/api/v1/pages/{page['id']}/ahead", json=marks).json()["images"]
    commit(client, page, **marks)
    assert shown(get_page(review, size=20)) == ahead


def test_an_undo_marks_the_tile_alone_where_its_stack_was_not_opened(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    page = get_page(start(), size=20)
    top, _ = stack_on(page, pool)
    commit(client, page, rejected=[top])
    reopened = client.delete(f"/api/v1/pages/{page['id']}/commit").json()["page"]
    assert reopened["marks"] == {"rejected": [top], "unsure": [], "opened": []}


def test_a_mark_beneath_a_stack_that_was_not_opened_is_refused_by_name(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    page = get_page(start(), size=20)
    top, beneath = stack_on(page, pool)
    answer = client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": beneath[:1]})
    assert (answer.status_code, answer.json()["code"]) == (422, "stack-not-opened")
    assert beneath[0] in answer.json()["detail"]
    assert top in answer.json()["detail"]
    assert labels(client) == set()


def test_depth_is_counted_in_tiles(client: TestClient, start: Start, get_page: GetPage) -> None:
    deepest = get_page(start(), size=10, kind="deeper", skip=1_000)
    assert len(shown(deepest)) == 10
    assert deepest["skipped"] == OWLS + OTHERS - (len(BURST) - 1) - (len(PAIR) - 1) - 10
