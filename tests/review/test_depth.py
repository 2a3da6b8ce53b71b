"""Looks down the order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.review.depth import Probe, next_depth
from tests.conftest import one_database
from tests.review.conftest import OWLS, commit, shown
from tests.seeded import SeededPool

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("end", [0, 59, 60, 61, 500, 3_333, 9_940, 10_000])
def test_doubling_and_halving_find_where_matches_end_to_within_a_page(end: int) -> None:
    size, remaining, probes = 60, 10_000, list[Probe]()
    while (depth := next_depth(probes, size=size, remaining=remaining)) is not None:
        matching = min(max(end - depth, 0), size)
        probes.append(Probe(depth, matching / size))
    assert len(probes) <= 18
    good = max((probe.skipped for probe in probes if probe.purity >= 0.5), default=0)
    beyond = min((probe.skipped for probe in probes if probe.purity < 0.5), default=remaining)
    assert good - size <= end <= beyond + size
    assert beyond - good <= size or good == remaining - size


def test_a_lucky_page_far_down_does_not_undo_what_halving_found() -> None:
    probes = [Probe(120, 0.9), Probe(240, 0.1), Probe(4_000, 0.6)]
    assert next_depth(probes, size=60, remaining=10_000) == 180


def test_with_less_than_two_pages_left_there_is_nothing_deeper() -> None:
    assert next_depth([], size=60, remaining=60) is None
    assert next_depth([], size=60, remaining=0) is None
    assert next_depth([], size=60, remaining=61) == 1


def test_a_deeper_page_skips_the_best_and_puts_an_open_page_aside(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    review = start()
    first = get_page(review)
    deeper = get_page(review, kind="deeper")
    assert (deeper["kind"], deeper["skipped"], deeper["number"]) == ("deeper", 20, 2)
    assert not set(shown(deeper)) & set(shown(first))
    assert client.get(f"/api/v1/pages/{first['id']}").json()["state"] == "set aside"
    commit(client, deeper)
    assert shown(get_page(review)) == shown(get_page(review))
    assert not set(shown(get_page(review, size=100))) & set(shown(deeper))


def test_looks_halve_once_a_page_hardly_matches(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    review, owls = start(), set(pool.images[:OWLS])
    skipped = []
    while True:
        page = get_page(review, size=5, kind="deeper")
        if page["id"] is None:
            break
        skipped.append(page["skipped"])
        commit(client, page, rejected=[image for image in shown(page) if image not in owls])
    assert skipped[0] == 10
    assert page["message"].startswith("The matches end about here")
    assert max(skipped) > OWLS > min(skipped[1:])


def test_a_place_may_be_named_and_is_held_to_what_is_left(start: Start, get_page: GetPage) -> None:
    review = start()
    assert get_page(review, kind="deeper", skip=33)["skipped"] == 33
    assert get_page(review, kind="deeper", skip=10_000)["skipped"] == 90


def test_a_page_set_aside_can_still_be_committed_from_another_window(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    review = start()
    first = get_page(review)
    deeper = get_page(review, kind="deeper")
    commit(client, first)
    assert client.get(f"/api/v1/pages/{first['id']}").json()["state"] == "committed"
    assert get_page(review)["id"] == deeper["id"]
    commit(client, deeper)
    assert get_page(review)["id"] not in {first["id"], deeper["id"]}


def test_where_everything_matches_no_end_is_claimed(client: TestClient, start: Start, get_page: GetPage) -> None:
    review = start()
    while (page := get_page(review, size=10, kind="deeper"))["id"] is not None:
        commit(client, page)
    assert page["message"].startswith("There is nothing deeper: even the last page")
