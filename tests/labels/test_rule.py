"""The rule of a pool over HTTP, and what pages show under it."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from tests.conftest import both_databases, one_database
from tests.leases import run_out
from tests.people import working
from tests.seeded import SeededPool, seed_pool, two_heaps

pytestmark = one_database

RULE = "/api/v1/pools/birds/rule"
VERDICTS = "/api/v1/pools/birds/classes/owl/verdicts"


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(20, 20), classes=("owl", "lark"))


@pytest.fixture
def disputed(client: TestClient, database: Database, pool: SeededPool) -> str:
    """An image that Ann accepted and Ben rejected, beside one that only Ann accepted."""
    with working(client, database, "ann"):
        client.post(VERDICTS, json={"images": pool.images[:2], "verdict": "accept"})
    with working(client, database, "ben"):
        client.post(VERDICTS, json={"images": pool.images[:1], "verdict": "reject"})
    return pool.images[0]


def exported(client: TestClient, **wanted: str) -> dict[str, tuple[str, str]]:
    lines = client.get("/api/v1/pools/birds/labels.csv", params=wanted).text.splitlines()
    return {(cells := line.split(","))[0]: (cells[3], cells[-1]) for line in lines[1:]}


def test_a_pool_begins_with_the_latest_verdict(client: TestClient, disputed: str) -> None:
    answer = client.get(RULE).json()
    counts = {"accepted": 1, "rejected": 1, "unsure": 0, "open": 0, "disputed": 1}
    assert answer == {"rule": "latest", "majority_of": None, "labels": counts}


def test_another_rule_tells_what_it_made_of_the_labels(client: TestClient, disputed: str) -> None:
    answer = client.put(RULE, json={"rule": "lead"}).json()
    assert answer["before"] == {"accepted": 1, "rejected": 1, "unsure": 0, "open": 0, "disputed": 1}
    assert answer["labels"] == {"accepted": 1, "rejected": 0, "unsure": 0, "open": 1, "disputed": 1}
    assert answer["changed"] == 1
    assert client.get(RULE).json()["rule"] == "lead"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            {"rule": "majority"},
            "body: the rule “majority” wants “majority_of”: how many people have to look at an image.",
        ),
        ({"rule": "latest", "majority_of": 3}, "body: “majority_of” belongs to the rule “majority”, and to no other."),
        ({"rule": "loudest"}, "rule: Input should be"),
        ({"rule": "majority", "majority_of": 1}, "majority_of: Input should be greater than or equal to 2."),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_the_reason(
    client: TestClient, pool: SeededPool, body: dict[str, Any], why: str
) -> None:
    answer = client.put(RULE, json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"The request cannot be used. {why}")
    assert client.get(RULE).json()["rule"] == "latest"


def test_an_export_tells_what_is_disputed_and_leaves_out_what_is_open(
    client: TestClient, pool: SeededPool, disputed: str
) -> None:
    assert exported(client, verdict="any") == {pool.images[0]: ("reject", "yes"), pool.images[1]: ("accept", "no")}
    client.put(RULE, json={"rule": "lead"})
    assert exported(client, verdict="any") == {pool.images[1]: ("accept", "no")}


def page(client: TestClient, review: int, size: int = 10) -> dict[str, Any]:
    body = {"size": size, "plant": False}
    return dict(client.post(f"/api/v1/reviews/{review}/pages", json=body).json())


def shown(page: dict[str, Any]) -> list[str]:
    return [candidate["image"] for candidate in page["candidates"]]


def start(client: TestClient, image: str, label: str = "owl") -> int:
    body = {"class": label, "query": {"images": [image]}}
    return int(client.post("/api/v1/pools/birds/reviews", json=body).json()["id"])


def test_a_majority_comes_about_by_showing_an_image_to_everybody_once(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    client.put(RULE, json={"rule": "majority", "majority_of": 2})
    pages = {}
    for name in ("ann", "ben"):
        run_out(database)
        with working(client, database, name):
            review = start(client, pool.images[0])
            pages[name] = shown(first := page(client, review))
            client.post(f"/api/v1/pages/{first['id']}/commit", json={"rejected": pages[name][:3]})
            # Nobody sees anything twice, also in another review of theirs.
            assert not set(pages[name]) & set(shown(page(client, review)))
            assert not set(pages[name]) & set(shown(page(client, start(client, pool.images[1]))))
    agreed = set(pages["ann"]) & set(pages["ben"])
    assert len(agreed) >= 7
    counts = client.get(RULE).json()["labels"]
    assert counts["accepted"] + counts["rejected"] + counts["disputed"] == len(agreed)
    run_out(database)
    with working(client, database, "cai"):
        third = set(shown(page(client, start(client, pool.images[0]), size=40)))
    # What is decided comes no more; what is open comes to whoever has not seen it.
    assert len(third) == 40 - counts["accepted"] - counts["rejected"]


def test_what_waits_for_more_verdicts_is_told_wherever_totals_are(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    client.put(RULE, json={"rule": "majority", "majority_of": 2})
    totals = {"accepted": 0, "rejected": 0, "unsure": 0, "open": 10}
    with working(client, database, "ann", "annotator"):
        review = start(client, pool.images[0])
        first = page(client, review)
        stored = client.post(f"/api/v1/pages/{first['id']}/commit", json={}).json()
        assert stored["labels"] == totals
        page(client, review)
        [busy] = client.get("/api/v1/pools/birds/at-work").json()["classes"]
        assert busy["labels"] == client.get(f"/api/v1/reviews/{review}").json()["labels"] == totals
        assert client.get("/api/v1/pools/birds/classes/owl/images").json()["labels"] == totals
        undone = client.delete(f"/api/v1/pages/{first['id']}/commit").json()
        assert undone["labels"] == totals | {"open": 0}
        corrected = client.post(VERDICTS, json={"images": pool.images[:3], "verdict": "reject"}).json()
        assert corrected["labels"] == totals | {"open": 3}


@both_databases
def test_whoever_goes_on_with_a_review_from_before_people_logged_in_sees_nothing_twice(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    client.put(RULE, json={"rule": "majority", "majority_of": 3})
    review = start(client, pool.images[0])
    with working(client, database, "ben", "annotator"):
        first = page(client, review)
        client.post(f"/api/v1/pages/{first['id']}/commit", json={})
        following = page(client, review)
        assert not set(shown(first)) & set(shown(following))
        listed = client.get("/pools/birds", headers={"accept": "text/html"}).text
    assert "· local ·" in listed.split("Continue a review")[1]


def test_a_persons_own_verdicts_count_for_their_pages_before_they_are_labels(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    client.put(RULE, json={"rule": "majority", "majority_of": 3})
    with working(client, database, "ann"):
        review = start(client, pool.images[-1])
        first = page(client, review)
        # All owls: they lie in the other heap, and were asked for by mistake.
        client.post(f"/api/v1/pages/{first['id']}/commit", json={"rejected": shown(first)})
        far = {image for image in shown(page(client, review)) if image in pool.images[20:]}
    with working(client, database, "ben"):
        fresh = {image for image in shown(page(client, start(client, pool.images[-1]))) if image in pool.images[20:]}
    assert len(far) < len(fresh)


def test_with_one_class_per_image_what_one_person_accepted_elsewhere_does_not_come_back_to_them(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    client.put(RULE, json={"rule": "majority", "majority_of": 2})
    with working(client, database, "ann"):
        client.post(VERDICTS, json={"images": pool.images[:5], "verdict": "accept"})
        mine = shown(page(client, start(client, pool.images[0], "lark"), size=40))
    run_out(database)
    with working(client, database, "ben"):
        theirs = shown(page(client, start(client, pool.images[0], "lark"), size=40))
    assert (len(mine), len(theirs)) == (35, 40)


def test_the_rest_of_a_lot_is_accepted_also_where_somebody_else_has_looked(
    client: TestClient, settings: Settings, database: Database
) -> None:
    images = seed_pool(settings, database, vectors=two_heaps(80, 20)).images
    client.put(RULE, json={"rule": "majority", "majority_of": 2})
    with working(client, database, "ann"):
        client.post(VERDICTS, json={"images": images, "verdict": "accept"})
    with working(client, database, "ben"):
        review = start(client, images[0])
        lot = client.post(f"/api/v1/reviews/{review}/lots", json={"size": 100}).json()
        client.post(f"/api/v1/pages/{lot['page']}/commit", json={})
        stored = client.post(f"/api/v1/lots/{lot['id']}/commit", json={}).json()
    assert (stored["accepted"], stored["skipped"]) == (40, 0)
    assert client.get(RULE).json()["labels"]["accepted"] == 100
