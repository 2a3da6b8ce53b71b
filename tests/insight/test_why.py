"""Why has this image this label? All verdicts, with what each rests on."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from app.tables import Pool, Verdict
from tests.conftest import both_databases, one_database
from tests.people import acting_as, add_person
from tests.seeded import SeededPool, seed_pool, two_heaps

pytestmark = one_database

CLASSES = "/api/v1/pools/birds/classes"


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(
        settings,
        database,
        vectors=two_heaps(20, 80),
        classes=("owl", "lark"),
        classes_per_image="several",
        stacks=[(3, 2, 1)],
    )


def why(client: TestClient, image: str, **filters: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/pools/birds/images/{image}/why", params=filters)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def give(client: TestClient, name: str, verdict: str, *images: str) -> int:
    answer = client.post(f"{CLASSES}/{name}/verdicts", json={"images": images, "verdict": verdict})
    return int(answer.json()["commit"])


def test_every_kind_of_verdict_says_what_it_rests_on(client: TestClient, database: Database, pool: SeededPool) -> None:
    query = {"class": "owl", "query": {"images": [pool.images[0]], "unwanted": [pool.images[50]]}}
    review = client.post("/api/v1/pools/birds/reviews", json=query).json()["id"]
    page = client.post(f"/api/v1/reviews/{review}/pages", json={"size": 6, "plant": False}).json()
    stack = next(candidate for candidate in page["candidates"] if candidate["beneath"])
    client.post(f"/api/v1/pages/{page['id']}/commit", json={})
    lot = client.post(f"/api/v1/reviews/{review}/lots", json={"size": 80}).json()
    sample = client.post(f"/api/v1/pages/{lot['page']}/commit", json={}).json()
    client.post(f"/api/v1/lots/{lot['id']}/commit")
    listed = client.get(f"{CLASSES}/owl/images", params={"limit": 1}).json()["items"]
    of_the_rest = listed[0]["image"]
    beneath = why(client, stack["beneath"][0]["image"])["verdicts"]
    assert [(given["basis"], given["kind"], given["page"]) for given in beneath] == [("stack", "page", page["id"])]
    by_sample = why(client, of_the_rest)["verdicts"][0]
    assert (by_sample["basis"], by_sample["kind"], by_sample["page"]) == ("sample", "lot", sample["page"])
    assert 0.9 < by_sample["bound"] < 1
    seen = why(client, stack["image"])
    given = seen["verdicts"][0]
    assert (given["basis"], given["bound"], given["review"], given["page_number"]) == ("seen", None, review, 1)
    assert (given["encoder"], given["index_version"], given["person"]) == ("made-up", 1, "local")
    assert given["score"] == pytest.approx(stack["score"])
    assert [(picture["sha256"], picture["wanted"]) for picture in given["query"]] == [
        (pool.images[0], True), (pool.images[50], False),
    ]  # fmt: skip
    assert seen["paths"] == [f"{pool.images.index(stack['image']):04}.png"]
    assert seen["labels"] == [{"class": "owl", "value": "accept", "disputed": False, "verdict": given["id"]}]
    for image in (stack["image"], stack["beneath"][0]["image"], of_the_rest):
        assert client.get(f"/pools/birds/images/{image}").status_code == 200


def test_all_people_and_what_was_taken_back_are_told_the_latest_first(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    image = pool.images[5]
    with acting_as(client, add_person(database, "Ada", role="annotator")):
        first = give(client, "owl", "accept", image)
        give(client, "owl", "unsure", image)
    give(client, "lark", "reject", image)
    client.delete(f"/api/v1/commits/{first}")
    found = why(client, image)
    assert [(given["person"], given["class"], given["value"], given["undone_by"]) for given in found["verdicts"]] == [
        ("local", "lark", "reject", None), ("Ada", "owl", "unsure", None), ("Ada", "owl", "accept", "local"),
    ]  # fmt: skip
    assert [(label["class"], label["value"]) for label in found["labels"]] == [("lark", "reject"), ("owl", "unsure")]
    assert [given["class"] for given in why(client, image, **{"class": "lark"})["verdicts"]] == ["lark"]
    text = client.get(f"/pools/birds/images/{image}").text
    assert "taken back by local" in text
    assert "The latest verdict counts. An image may have several classes." in text


@both_databases
def test_verdicts_of_a_merged_class_say_so(client: TestClient, pool: SeededPool) -> None:
    give(client, "lark", "accept", pool.images[5])
    client.post(f"{CLASSES}/lark/merge", json={"into": "owl"})
    found = why(client, pool.images[5], **{"class": "owl"})
    assert [(given["class"], given["counts_for"]) for given in found["verdicts"]] == [("lark", "owl")]
    assert [label["class"] for label in found["labels"]] == ["owl"]
    assert "which counts for <b>owl</b>" in client.get(f"/pools/birds/images/{pool.images[5]}").text


@both_databases
def test_verdicts_of_another_pool_on_the_same_image_are_not_told(
    client: TestClient, settings: Settings, database: Database, pool: SeededPool
) -> None:
    give(client, "owl", "accept", pool.images[0])
    other = seed_pool(settings, database, vectors=two_heaps(2, 2), name="others")
    client.post("/api/v1/pools/others/classes/owl/verdicts", json={"images": other.images[:1], "verdict": "accept"})
    with database.write() as session:
        session.execute(update(Verdict).values(image_id=1))
    assert len(why(client, pool.images[0])["verdicts"]) == 1


def test_nobody_has_judged_this_picture_yet(client: TestClient, pool: SeededPool) -> None:
    found = why(client, pool.images[9])
    assert (found["labels"], found["verdicts"]) == ([], [])
    assert "Nobody has judged this picture yet." in client.get(f"/pools/birds/images/{pool.images[9]}").text


@pytest.mark.parametrize("path", ["", "/why"])
def test_an_image_that_the_pool_does_not_hold_is_a_404(client: TestClient, pool: SeededPool, path: str) -> None:
    prefix = "/api/v1" if path else ""
    for image in ("0" * 64, "nonsense"):
        assert client.get(f"{prefix}/pools/birds/images/{image}{path}").status_code == 404


@both_databases
@pytest.mark.parametrize(
    ("rule", "of", "told"),
    [("first", None, "The first verdict"), ("majority", 3, "most of 3 people"), ("lead", None, "a lead settles")],
)
def test_the_rule_of_the_pool_is_told(
    client: TestClient, database: Database, pool: SeededPool, rule: str, of: int | None, told: str
) -> None:
    with database.write() as session:
        session.execute(update(Pool).values(rule=rule, majority_of=of))
    assert told in why(client, pool.images[0])["rule"]
