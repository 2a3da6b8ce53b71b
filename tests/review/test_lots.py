"""Lots: many images accepted together by a random sample of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from tests.conftest import both_databases, one_database
from tests.review.conftest import commit, labels, shown
from tests.seeded import SeededPool, seed_pool, two_heaps

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(400, 200), classes=("owl", "lark"))


@pytest.fixture
def draw(client: TestClient) -> Callable[..., dict[str, Any]]:
    def draw(review: dict[str, Any], size: int, looks: int = 1) -> dict[str, Any]:
        answer = client.post(f"/api/v1/reviews/{review['id']}/lots", json={"size": size, "looks": looks})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return draw


def lot_of(client: TestClient, lot: dict[str, Any]) -> dict[str, Any]:
    return dict(client.get(f"/api/v1/lots/{lot['id']}").json())


def look(client: TestClient, lot: dict[str, Any], reject: int = 0) -> dict[str, Any]:
    """Commit the open page of a sample with so many rejected, and return the lot."""
    page = client.get(f"/api/v1/pages/{lot_of(client, lot)['page']}").json()
    commit(client, page, rejected=shown(page)[:reject])
    return lot_of(client, lot)


def test_the_sample_is_drawn_from_exactly_the_first_of_the_order_and_not_in_its_order(
    client: TestClient, start: Start, get_page: GetPage, draw: Callable[..., dict[str, Any]]
) -> None:
    review = start()
    ranked = shown(get_page(review, size=300))
    lot = draw(review, 300)
    assert (lot["state"], lot["size"], lot["looks"], lot["rest"]) == ("looking", 300, [60], 300)
    page = get_page(review)
    assert (page["id"], page["kind"], page["lot"]) == (lot["page"], "sample", lot["id"])
    sample = shown(page)
    assert len(sample) == 60
    assert set(sample) <= set(ranked)
    assert sample != [image for image in ranked if image in set(sample)]
    assert set(sample) != set(ranked[:60])


def test_without_a_reject_the_exact_bound_is_stated_and_the_rest_accepted(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = look(client, draw(start(), 300))
    assert lot["state"] == "judged"
    assert (lot["seen"], lot["accepted"], lot["rejected"], lot["rest"], lot["next_look"]) == (60, 60, 0, 240, None)
    # By hand: with 13 wrong ones among 300, the chance that none is among 60 is still above 5 %; with 14 it is not.
    assert lot["at_least"] == pytest.approx(1 - 13 / 300)
    assert lot["statement"] == "At least 95.6 % of these 300 match, with 95 % confidence."
    answer = client.post(f"/api/v1/lots/{lot['id']}/commit", json={}).json()
    assert (answer["accepted"], answer["skipped"], answer["labels"]["accepted"]) == (240, 0, 300)
    assert lot_of(client, lot)["state"] == "accepted"
    assert len(labels(client)) == 300


def test_labels_made_by_sample_say_so_with_the_bound_and_the_samples_page(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = draw(start(), 200)
    page = lot["page"]
    lot = look(client, lot)
    client.post(f"/api/v1/lots/{lot['id']}/commit", json={})
    rows = list(csv.DictReader(io.StringIO(client.get("/api/v1/pools/birds/labels.csv").text)))
    seen, by_sample = ([row for row in rows if row["basis"] == basis] for basis in ("seen", "sample"))
    assert (len(seen), len(by_sample)) == (60, 140)
    assert {row["page"] for row in rows} == {str(page)}
    assert {row["bound"] for row in seen} == {""}
    (bound,) = {float(row["bound"]) for row in by_sample}
    assert bound == pytest.approx(lot["at_least"])


@both_databases
def test_accepting_twice_stores_once_also_at_the_same_time(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = look(client, draw(start(), 200))

    def accept(_: int) -> Any:
        return client.post(f"/api/v1/lots/{lot['id']}/commit", json={}).json()

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(accept, range(4)))
    assert all(answer == answers[0] for answer in answers)
    assert len(client.get("/api/v1/pools/birds/labels.csv?rows=verdicts").text.splitlines()) == 1 + 200


def test_an_undo_takes_back_all_that_was_accepted_by_sample_and_nothing_else(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    review = start()
    lot = look(client, draw(review, 200), reject=2)
    client.post(f"/api/v1/lots/{lot['id']}/commit", json={})
    assert client.get(f"/api/v1/reviews/{review['id']}").json()["last_committed_lot"] == lot["id"]
    answer = client.delete(f"/api/v1/lots/{lot['id']}/commit")
    assert answer.json()["labels"] == {"accepted": 58, "rejected": 2, "unsure": 0, "open": 0}
    assert client.delete(f"/api/v1/lots/{lot['id']}/commit").status_code == 404
    now = client.get(f"/api/v1/reviews/{review['id']}").json()
    assert (now["last_committed_lot"], now["lot"]) == (None, lot["id"])
    assert now["last_committed_page"] is not None
    # It may be accepted again.
    assert client.post(f"/api/v1/lots/{lot['id']}/commit", json={}).json()["accepted"] == 140


def test_further_looks_spend_the_confidence_that_was_planned(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = look(client, draw(start(), 300, looks=3), reject=1)
    assert not lot["poor"]
    assert lot["looks"] == [60, 120, 240]
    assert lot["confidence"] == pytest.approx(1 - 0.05 / 3)
    assert lot["next_look"] == 60
    before = lot["at_least"]
    further = client.post(f"/api/v1/lots/{lot['id']}/pages").json()
    assert further["state"] == "looking"
    assert client.post(f"/api/v1/lots/{lot['id']}/commit", json={}).status_code == 409
    lot = look(client, lot)
    assert (lot["seen"], lot["rejected"], lot["next_look"]) == (120, 1, 120)
    assert lot["at_least"] > before


def test_no_look_that_was_not_planned_is_given(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = look(client, draw(start(), 300))
    answer = client.post(f"/api/v1/lots/{lot['id']}/pages")
    assert (answer.status_code, answer.json()["code"]) == (409, "no-further-look")


def test_a_lot_given_up_keeps_what_was_seen_and_goes_back_to_the_order(
    client: TestClient, start: Start, get_page: GetPage, draw: Callable[..., dict[str, Any]]
) -> None:
    review = start()
    lot = draw(review, 300)
    assert client.delete(f"/api/v1/lots/{lot['id']}").json()["state"] == "given up"
    assert get_page(review)["kind"] == "next"
    assert client.get(f"/api/v1/reviews/{review['id']}").json()["lot"] is None
    for action in ("commit", "pages"):
        assert client.post(f"/api/v1/lots/{lot['id']}/{action}", json={}).status_code == 409


@both_databases
def test_what_somebody_decided_meanwhile_is_left_as_it_is(
    client: TestClient, start: Start, get_page: GetPage, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = look(client, draw(start(), 300))
    other = get_page(start(), size=30)
    commit(client, other, rejected=shown(other)[:20])
    larks = get_page(start("lark"), size=10)
    commit(client, larks)
    in_lot = 300 - 60
    answer = client.post(f"/api/v1/lots/{lot['id']}/commit", json={}).json()
    assert answer["accepted"] + answer["skipped"] == in_lot
    assert answer["skipped"] >= 30
    assert len(labels(client, "reject")) == 20


def test_a_later_reject_is_counted_and_the_bound_stated_anew(
    client: TestClient, pool: SeededPool, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = look(client, draw(start(), 300))
    seen = labels(client)
    client.post(f"/api/v1/lots/{lot['id']}/commit", json={})
    by_sample = sorted(labels(client) - seen)
    verdicts = f"/api/v1/pools/{pool.name}/classes/owl/verdicts"
    client.post(verdicts, json={"images": by_sample[:5], "verdict": "reject"})
    # A reject among those that were seen has nothing to do with the sample's promise of the rest.
    client.post(verdicts, json={"images": sorted(seen)[:1], "verdict": "reject"})
    now = lot_of(client, lot)
    assert now["rejected_since"] == 5
    # 287 of 300 match at least; 295 are left.
    assert now["restated"] == "At least 97.2 % of the 295 that are left match, with 95 % confidence."
    client.post(verdicts, json={"images": by_sample[:20], "verdict": "reject"})
    assert "does not hold" in lot_of(client, lot)["restated"]


def test_a_sample_that_speaks_against_the_lot_says_so(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = look(client, draw(start(), 300), reject=20)
    assert lot["poor"]
    assert "too few to accept what nobody has seen" in lot["statement"]


def test_a_small_lot_is_looked_at_whole(client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]) -> None:
    lot = look(client, draw(start(), 12), reject=2)
    assert (lot["seen"], lot["rest"], lot["poor"]) == (12, 0, False)
    assert lot["statement"] == "All 12 were looked at: 10 match."


def test_a_lot_cannot_be_larger_than_what_is_left(client: TestClient, start: Start) -> None:
    url = f"/api/v1/reviews/{start()['id']}/lots"
    for size, status in ((601, 422), (0, 422)):
        assert client.post(url, json={"size": size}).status_code == status
    assert "Only 600 images are left" in client.post(url, json={"size": 601}).json()["detail"]
    assert client.post(url, json={"size": 600}).status_code == 201


def test_an_unknown_lot_is_404(client: TestClient) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/pages"), ("POST", "/commit"), ("DELETE", "/commit")):
        assert client.request(method, f"/api/v1/lots/999{path}").status_code == 404


@both_databases
def test_while_a_sample_is_looked_at_nothing_else_takes_its_place(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage, draw: Callable[..., dict[str, Any]]
) -> None:
    review = start()
    lot = draw(review, 300)
    for body in ({"kind": "deeper"}, {"kind": "like", "like": pool.images[3]}, {"kind": "second"}, {"afresh": True}):
        answer = client.post(f"/api/v1/reviews/{review['id']}/pages", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "sample-open")
    assert client.post(f"/api/v1/reviews/{review['id']}/lots", json={"size": 100}).status_code == 409
    assert get_page(review)["id"] == lot["page"]


def test_what_a_lot_was_accepted_on_cannot_be_taken_back_beneath_it(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = draw(start(), 200)
    page = lot["page"]
    look(client, lot)
    client.post(f"/api/v1/lots/{lot['id']}/commit", json={})
    answer = client.delete(f"/api/v1/pages/{page}/commit")
    assert (answer.status_code, answer.json()["code"]) == (409, "lot-decided")
    client.delete(f"/api/v1/lots/{lot['id']}/commit")
    assert client.delete(f"/api/v1/pages/{page}/commit").status_code == 200
    # The sample is open again, and its lot waits for it.
    assert lot_of(client, lot)["state"] == "looking"


def test_a_sample_that_was_given_up_cannot_be_stored_from_another_window(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = draw(start(), 200)
    client.delete(f"/api/v1/lots/{lot['id']}")
    answer = client.post(f"/api/v1/pages/{lot['page']}/commit", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "sample-given-up")
    assert labels(client) == set()


def test_later_rejects_are_counted_once_though_the_lot_was_accepted_twice(
    client: TestClient, pool: SeededPool, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = look(client, draw(start(), 300))
    seen = labels(client)
    for _ in range(2):
        client.post(f"/api/v1/lots/{lot['id']}/commit", json={})
        client.delete(f"/api/v1/lots/{lot['id']}/commit")
    client.post(f"/api/v1/lots/{lot['id']}/commit", json={})
    by_sample = sorted(labels(client) - seen)
    for label, images, verdict in (("owl", by_sample[:2], "reject"), ("lark", by_sample[2:3], "accept")):
        body = {"images": images, "verdict": verdict}
        client.post(f"/api/v1/pools/{pool.name}/classes/{label}/verdicts", json=body)
    assert lot_of(client, lot)["rejected_since"] == 3


def test_asking_twice_for_the_next_look_opens_it_once(
    client: TestClient, start: Start, draw: Callable[..., dict[str, Any]]
) -> None:
    lot = look(client, draw(start(), 300, looks=3))
    first, again = (client.post(f"/api/v1/lots/{lot['id']}/pages").json() for _ in range(2))
    assert first == again
    assert look(client, lot)["seen"] == 120
