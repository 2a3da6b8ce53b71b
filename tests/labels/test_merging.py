"""Merging classes: verdicts stay, labels are made anew, and everything can be taken back."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import Database
from app.pools.merged import counted_as, counting_for, final_class_id
from app.settings import Settings
from app.tables import Label, LabelClass, Verdict
from tests.conftest import one_database
from tests.seeded import SeededPool, seed_pool, two_heaps

CLASSES = "/api/v1/pools/birds/classes"
NAMES = ("owl", "barn owl", "lark", "crow")


@pytest.fixture(params=["one", "several"])
def pool(request: pytest.FixtureRequest, settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(20, 20), classes=NAMES, classes_per_image=request.param)


def give(client: TestClient, name: str, verdict: str, *images: str) -> int:
    answer = client.post(f"{CLASSES}/{name}/verdicts", json={"images": images, "verdict": verdict})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["commit"])


def merge(client: TestClient, name: str, into: str) -> None:
    answer = client.post(f"{CLASSES}/{name}/merge", json={"into": into})
    assert (answer.status_code, answer.json()) == (200, {"class": into}), answer.text


def unmerge(client: TestClient, name: str) -> None:
    answer = client.delete(f"{CLASSES}/{name}/merge")
    assert (answer.status_code, answer.json()) == (200, {"class": name}), answer.text


def labels(client: TestClient, **filters: str) -> dict[tuple[str, str], str]:
    text = client.get("/api/v1/pools/birds/labels.csv", params={"verdict": "any", **filters}).text
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return {(row["image"], row["class"]): row["verdict"] for row in rows}


def listed(client: TestClient) -> list[str]:
    return [line["name"] for line in client.get(CLASSES).json()["items"]]


def test_the_verdicts_of_both_count_for_one_and_the_latest_of_a_pair_wins(
    client: TestClient, pool: SeededPool, database: Database
) -> None:
    one, two, three, four = pool.images[:4]
    give(client, "owl", "accept", one, three)
    give(client, "barn owl", "accept", two)
    give(client, "barn owl", "reject", three, four)
    give(client, "owl", "accept", four)
    before = labels(client)
    merge(client, "barn owl", "owl")
    assert labels(client) == {
        (one, "owl"): "accept", (two, "owl"): "accept", (three, "owl"): "reject", (four, "owl"): "accept",
    }  # fmt: skip
    assert labels(client, **{"class": "owl"}) == labels(client)
    assert {name for _, name in labels(client, rows="verdicts")} == {"owl"}
    assert listed(client) == ["crow", "lark", "owl"]
    assert client.get("/api/v1/pools").json()["items"][0]["classes"] == 3
    with database.read() as session:
        as_given = select(LabelClass.name).join(Verdict, Verdict.class_id == LabelClass.id).order_by(Verdict.id)
        given = session.scalars(as_given).all()
    assert given == ["owl", "owl", "barn owl", "barn owl", "barn owl", "owl"]
    unmerge(client, "barn owl")
    assert labels(client) == before
    assert listed(client) == sorted(NAMES)


def test_what_a_merge_would_bring_together_is_told_beforehand(client: TestClient, pool: SeededPool) -> None:
    give(client, "barn owl", "accept", *pool.images[:3])
    give(client, "owl", "reject", *pool.images[2:4])
    assert client.get(f"{CLASSES}/barn owl/merge", params={"into": "OWL"}).json() == {
        "class": "barn owl",
        "into": "owl",
        "counts": {"accepted": 3, "rejected": 0, "unsure": 0},
        "into_counts": {"accepted": 0, "rejected": 2, "unsure": 0},
        "both": 1,
    }
    assert listed(client) == sorted(NAMES)


@one_database
def test_a_chain_leads_to_its_end_and_is_taken_apart_in_any_order(client: TestClient, pool: SeededPool) -> None:
    one, two, three = pool.images[:3]
    for name, image in (("barn owl", one), ("owl", two), ("lark", three)):
        give(client, name, "accept", image)
    merge(client, "barn owl", "owl")
    merge(client, "owl", "lark")
    assert labels(client) == dict.fromkeys([(image, "lark") for image in (one, two, three)], "accept")
    assert client.get(f"{CLASSES}/barn owl/images").json()["labels"]["accepted"] == 3
    unmerge(client, "barn owl")
    assert labels(client) == {(one, "barn owl"): "accept", (two, "lark"): "accept", (three, "lark"): "accept"}
    unmerge(client, "owl")
    assert labels(client) == {(one, "barn owl"): "accept", (two, "owl"): "accept", (three, "lark"): "accept"}


@one_database
def test_circles_and_second_merges_are_refused(client: TestClient, pool: SeededPool) -> None:
    merge(client, "barn owl", "owl")
    merge(client, "owl", "lark")
    for name, into, status in (
        ("lark", "lark", 422), ("lark", "owl", 422), ("lark", "barn owl", 422), ("owl", "crow", 409),
        ("lark", "phoenix", 404), ("phoenix", "lark", 404),
    ):  # fmt: skip
        answer = client.post(f"{CLASSES}/{name}/merge", json={"into": into})
        assert answer.status_code == status, answer.text
    assert client.delete(f"{CLASSES}/lark/merge").json()["code"] == "not-merged"
    assert client.patch(f"{CLASSES}/owl", json={"name": "crow 2"}).json()["detail"] == "“owl” was merged into “lark”."


@one_database
def test_classes_of_two_pools_are_not_merged(
    client: TestClient, pool: SeededPool, settings: Settings, database: Database
) -> None:
    seed_pool(settings, database, vectors=two_heaps(2, 2), name="others", classes=("duck",))
    assert client.post(f"{CLASSES}/owl/merge", json={"into": "duck"}).status_code == 404


@one_database
def test_the_name_of_a_merged_class_means_the_other_one(client: TestClient, pool: SeededPool) -> None:
    merge(client, "barn owl", "owl")
    give(client, "barn owl", "accept", pool.images[0])
    assert labels(client) == {(pool.images[0], "owl"): "accept"}
    for answer in (
        client.post(CLASSES, json={"name": "Barn Owl"}),
        client.patch(f"{CLASSES}/crow", json={"name": "barn owl"}),
    ):
        assert answer.status_code == 409
        assert answer.json()["detail"] == (
            "“barn owl” was merged into “owl”, and its name still means that class; "
            "take the merge back first, or choose another name."
        )
    unmerge(client, "barn owl")
    assert labels(client) == {(pool.images[0], "owl"): "accept"}


@one_database
def test_a_verdict_from_before_the_merge_can_be_undone_after_it(client: TestClient, pool: SeededPool) -> None:
    first = give(client, "barn owl", "accept", *pool.images[:2])
    give(client, "owl", "reject", pool.images[1])
    merge(client, "barn owl", "owl")
    assert client.delete(f"/api/v1/commits/{first}").status_code == 200
    assert labels(client) == {(pool.images[1], "owl"): "reject"}


@one_database
def test_an_old_tab_that_stores_after_the_merge_loses_nothing(client: TestClient, pool: SeededPool) -> None:
    body = {"class": "barn owl", "query": {"images": [pool.images[0]]}}
    review = client.post("/api/v1/pools/birds/reviews", json=body).json()
    pages = f"/api/v1/reviews/{review['id']}/pages"
    page = client.post(pages, json={"size": 5, "plant": False}).json()
    assert page["message"] is None
    merge(client, "barn owl", "owl")
    shown = [candidate["image"] for candidate in page["candidates"]]
    stored = client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": shown[:1], "key": "one"})
    sentence = "“barn owl” was merged into “owl”: what is stored here counts for that class."
    assert (stored.status_code, stored.json()["message"]) == (200, sentence)
    assert stored.json()["labels"] == {"accepted": 4, "rejected": 1, "unsure": 0, "open": 0}
    assert {name for _, name in labels(client)} == {"owl"}
    following = client.post(pages, json={"size": 5, "plant": False}).json()
    assert following["message"] == sentence
    assert not set(shown) & {candidate["image"] for candidate in following["candidates"]}
    assert client.get(f"/api/v1/reviews/{review['id']}").json()["class"] == "owl"
    lines = client.get("/api/v1/pools/birds/reviews").json()["items"]
    assert [(line["class"], line["accepted"], line["rejected"]) for line in lines] == [("owl", 4, 1)]
    assert client.get(f"/reviews/{review['id']}").status_code == 200
    assert client.get(f"/api/v1/reviews/{review['id']}/outlook").status_code == 200
    unmerge(client, "barn owl")
    assert {name for _, name in labels(client)} == {"owl"}
    assert client.get(f"/api/v1/reviews/{review['id']}").json()["class"] == "barn owl"


def test_a_lot_accepted_by_sample_is_told_on_the_page_of_the_other_class(client: TestClient, pool: SeededPool) -> None:
    body = {"class": "barn owl", "query": {"images": [pool.images[0]]}}
    review = client.post("/api/v1/pools/birds/reviews", json=body).json()
    lot = client.post(f"/api/v1/reviews/{review['id']}/lots", json={"size": 19}).json()
    client.post(f"/api/v1/pages/{lot['page']}/commit", json={})
    assert client.post(f"/api/v1/lots/{lot['id']}/commit").status_code == 200
    merge(client, "barn owl", "owl")
    assert client.get(f"/api/v1/lots/{lot['id']}").json()["rejected_since"] == 0
    assert client.get("/pools/birds/classes/owl").status_code == 200
    assert len(labels(client)) == 19


def test_verdicts_stored_at_the_moment_of_a_merge_are_labels_of_the_other_class(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    client.get(CLASSES)
    with ThreadPoolExecutor(8) as threads:
        storing = [threads.submit(give, client, "barn owl", "accept", image) for image in pool.images[:12]]
        merging = threads.submit(merge, client, "barn owl", "owl")
        storing += [threads.submit(give, client, "barn owl", "accept", image) for image in pool.images[12:24]]
        for one in (*storing, merging):
            one.result()
    with database.read() as session:
        of = session.execute(select(LabelClass.name, Label.image_id).join(Label, Label.class_id == LabelClass.id)).all()
    assert {name for name, _ in of} == {"owl"}
    assert len(of) == 24


def test_two_merges_at_once_make_no_circle(client: TestClient, pool: SeededPool) -> None:
    client.get(CLASSES)

    def merged(name: str, into: str) -> int:
        return client.post(f"{CLASSES}/{name}/merge", json={"into": into}).status_code

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(merged, ("owl", "lark"), ("lark", "owl"))) == [200, 422]


def test_the_three_ways_to_ask_for_the_final_class_agree(
    client: TestClient, pool: SeededPool, database: Database
) -> None:
    merge(client, "crow", "lark")
    merge(client, "lark", "owl")
    with database.read() as session:
        ids = dict(session.execute(select(LabelClass.name, LabelClass.id)).all())
        merged = counted_as(session, pool_id=1)
        assert merged == dict.fromkeys((ids["crow"], ids["lark"]), ids["owl"])
        assert {final_class_id(session, ids[name]) for name in ("crow", "lark", "owl")} == {ids["owl"]}
        assert set(counting_for(session, ids["owl"])) == {ids["crow"], ids["lark"], ids["owl"]}
