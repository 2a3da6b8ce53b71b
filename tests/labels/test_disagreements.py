"""The queue of disagreements, settling them, and how far people agree, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text, update
from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from app.tables import Commit, Label, Person
from app.verdicts.queries import DISPUTED
from tests.conftest import both_databases, one_database
from tests.people import working
from tests.seeded import SeededPool, seed_pool, two_heaps

pytestmark = one_database

POOL = "/api/v1/pools/birds"
QUEUE = f"{POOL}/disagreements"
SETTLEMENTS = f"{POOL}/classes/owl/settlements"
AGREEMENT = f"{POOL}/classes/owl/agreement"


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(20, 20), classes=("owl", "lark"))


@pytest.fixture
def images(client: TestClient, database: Database, pool: SeededPool) -> list[str]:
    """Ten images: Ann and Ben differ about the first three, and Ben is unsure about the fourth."""
    images = pool.images[:10]
    say(client, database, "ann", "accept", images)
    say(client, database, "ben", "reject", images[:3])
    say(client, database, "ben", "unsure", images[3:4])
    say(client, database, "ben", "accept", images[4:8])
    return images


def say(
    client: TestClient, database: Database, who: str, verdict: str, images: list[str], label: str = "owl"
) -> dict[str, Any]:
    with working(client, database, who):
        answer = client.post(f"{POOL}/classes/{label}/verdicts", json={"images": images, "verdict": verdict})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def queue(client: TestClient, **asked: Any) -> list[str]:
    return [item["image"] for item in client.get(QUEUE, params=asked).json()["items"]]


def settle(client: TestClient, images: list[str], verdict: str, **more: Any) -> dict[str, Any]:
    answer = client.post(SETTLEMENTS, json={"images": images, "verdict": verdict, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def exported(client: TestClient) -> dict[str, str]:
    lines = client.get(f"{POOL}/labels.csv", params={"verdict": "any", "class": "owl"}).text.splitlines()
    return {line.split(",")[0]: line.split(",")[3] for line in lines[1:]}


def test_the_queue_tells_who_said_what(client: TestClient, images: list[str]) -> None:
    answer = client.get(QUEUE).json()
    assert (answer["total"], answer["next"]) == (3, None)
    first = answer["items"][0]
    assert (first["image"], first["path"], first["class"], first["label"]) == (images[0], "0000.png", "owl", "reject")
    assert [(said["person"], said["verdict"], said["settles"]) for said in first["said"]] == [
        ("ann", "accept", False),
        ("ben", "reject", False),
    ]


@both_databases
def test_the_queue_is_read_page_by_page_and_class_by_class(client: TestClient, images: list[str]) -> None:
    first = client.get(QUEUE, params={"limit": 2}).json()
    assert queue(client, limit=2, after=first["next"]) == images[2:3]
    assert queue(client, **{"class": "OWL"}) == images[:3]
    assert queue(client, **{"class": "lark"}) == []
    assert client.get(QUEUE, params={"class": "phoenix"}).status_code == 404
    for asked, total in ({}, 3), ({"class": "owl"}, 3), ({"class": "lark"}, 0):
        answer = client.get(QUEUE, params=asked).json()
        assert (answer["total"], answer["disputed"]) == (total, 3)


@pytest.mark.parametrize(
    "rule", [{"rule": "latest"}, {"rule": "first"}, {"rule": "lead"}, {"rule": "majority", "majority_of": 3}]
)
def test_what_is_settled_holds_under_every_rule(client: TestClient, images: list[str], rule: dict[str, Any]) -> None:
    settle(client, images[:1], "accept")
    assert settle(client, images[1:3], "reject")["disputed"] == 0
    client.put(f"{POOL}/rule", json=rule)
    assert queue(client) == []
    labels = exported(client)
    assert [labels[image] for image in images[:3]] == ["accept", "reject", "reject"]


def test_a_settlement_is_undone_as_any_commit(client: TestClient, images: list[str]) -> None:
    commit = settle(client, images[:2], "accept")["commit"]
    assert queue(client) == images[2:3]
    assert client.delete(f"/api/v1/commits/{commit}").status_code == 200
    assert queue(client) == images[:3]
    assert exported(client)[images[0]] == "reject"


def test_who_contradicts_a_settlement_brings_it_back_to_the_queue(
    client: TestClient, database: Database, images: list[str]
) -> None:
    settle(client, images[:3], "reject")
    say(client, database, "cai", "accept", images[:1])
    assert queue(client) == images[:1]
    assert exported(client)[images[0]] == "reject"
    said = client.get(QUEUE).json()["items"][0]["said"]
    assert [(one["person"], one["settles"]) for one in said] == [
        ("ann", False),
        ("ben", False),
        ("local", True),
        ("cai", False),
    ]


@both_databases
def test_a_settlement_sent_twice_counts_once(client: TestClient, images: list[str]) -> None:
    first = settle(client, images[:1], "accept", key="k")
    assert settle(client, images[:1], "accept", key="k")["commit"] == first["commit"]
    assert settle(client, images[:1], "accept")["commit"] != first["commit"]
    other = client.post(SETTLEMENTS, json={"images": images[:1], "verdict": "reject", "key": "k"})
    assert (other.status_code, other.json()["code"]) == (409, "key-used-otherwise")


def seen(client: TestClient) -> dict[str, int]:
    """What a page that lists the queue now sends along with a settlement."""
    return {item["image"]: item["said"][-1]["id"] for item in client.get(QUEUE).json()["items"]}


@both_databases
def test_whoever_settles_what_somebody_else_settled_meanwhile_is_told_so_and_may_do_it_again(
    client: TestClient, database: Database, images: list[str]
) -> None:
    listed = seen(client)
    with working(client, database, "lea"):
        settle(client, images[:1], "accept", seen=listed)
    body = {"images": images[:1], "verdict": "reject", "key": "k", "seen": listed}
    for _ in range(2):
        refused = client.post(SETTLEMENTS, json=body)
        told = refused.json()
        assert (refused.status_code, told["code"], told["detail"]) == (
            409,
            "settled-meanwhile",
            "lea accepted it meanwhile, so nothing was stored; settle it again to say otherwise.",
        )
    said = told["said"][images[0]]
    assert [(line["person"], line["class"], line["verdict"], line["settles"]) for line in said] == [
        ("ann", "owl", "accept", False),
        ("ben", "owl", "reject", False),
        ("lea", "owl", "accept", True),
    ]
    assert exported(client)[images[0]] == "accept"
    knowing = {**body, "seen": {images[0]: said[-1]["id"]}}
    stored = client.post(SETTLEMENTS, json=knowing)
    assert stored.status_code == 200
    assert exported(client)[images[0]] == "reject"
    with working(client, database, "lea"):
        settle(client, images[:1], "accept")
    assert client.post(SETTLEMENTS, json=knowing).json() == stored.json(), (
        "sent again it is the same, whatever came since"
    )


def test_one_of_several_that_somebody_else_settled_stops_all_of_them(
    client: TestClient, database: Database, images: list[str]
) -> None:
    listed = seen(client)
    with working(client, database, "lea"):
        settle(client, images[1:2], "unsure")
    refused = client.post(SETTLEMENTS, json={"images": images[:3], "verdict": "reject", "seen": listed})
    assert refused.json()["detail"].startswith("lea settled one of these pictures as unsure meanwhile")
    assert list(refused.json()["said"]) == images[1:2]
    assert queue(client) == [images[0], images[2]]


def test_nobody_is_stopped_by_what_they_settled_themselves_by_what_was_undone_or_by_what_they_have_seen(
    client: TestClient, database: Database, images: list[str]
) -> None:
    listed = seen(client)
    settle(client, images[:1], "accept", seen=listed)
    settle(client, images[:1], "reject", seen=listed)
    with working(client, database, "lea"):
        undone = settle(client, images[1:2], "accept")["commit"]
        settle(client, images[2:3], "accept")
        client.delete(f"/api/v1/commits/{undone}")
    settle(client, images[1:2], "reject", seen=listed)
    say(client, database, "cai", "reject", images[2:3])
    assert queue(client) == images[2:3]
    settle(client, images[2:3], "reject", seen=seen(client))


@both_databases
def test_what_somebody_else_settled_for_another_class_counts_where_an_image_has_one(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    image = pool.images[:1]
    say(client, database, "ann", "accept", image, label="lark")
    say(client, database, "ben", "accept", image)
    listed = seen(client)
    with working(client, database, "lea"):
        client.post(f"{POOL}/classes/lark/settlements", json={"images": image, "verdict": "accept", "seen": listed})
    refused = client.post(SETTLEMENTS, json={"images": image, "verdict": "accept", "seen": listed})
    assert refused.json()["detail"].startswith("lea accepted it as lark meanwhile")


@both_databases
def test_with_one_class_per_image_two_classes_are_a_dispute(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    image = pool.images[:1]
    say(client, database, "ann", "accept", image)
    say(client, database, "ben", "accept", image, label="lark")
    (item,) = client.get(QUEUE).json()["items"]
    assert (item["class"], [said["class"] for said in item["said"]]) == ("lark", ["owl", "lark"])
    settle(client, image, "accept")
    assert queue(client) == []
    assert exported(client) == {image[0]: "accept"}


def test_agreement_is_told_of_what_two_people_judged(client: TestClient, images: list[str]) -> None:
    # Of eight both judged: four times accept and accept, three accept and reject, one accept and unsure.
    answer = client.get(AGREEMENT).json()
    assert (answer["images"], answer["raw"]) == (8, 0.5)
    (pair,) = answer["pairs"]
    assert (pair["people"], pair["images"], pair["raw"]) == (["ann", "ben"], 8, 0.5)
    assert pair["cohen"] == pytest.approx(0)
    # Shares: accept 12/16, reject 3/16, unsure 1/16.
    chance = (144 + 9 + 1) / 256
    assert answer["fleiss"] == pytest.approx((0.5 - chance) / (1 - chance))
    assert answer["sentence"] == "On 8 pictures that at least two people judged, they agree 50 %. Fleiss’ kappa -0.25."


def test_a_settlement_counts_for_nobodys_agreement(client: TestClient, images: list[str]) -> None:
    before = client.get(AGREEMENT).json()
    settle(client, images, "accept")
    assert client.get(AGREEMENT).json() == before


@both_databases
def test_a_lead_is_told_how_each_one_works(client: TestClient, database: Database, pool: SeededPool) -> None:
    for name, seconds in (("ben", [5]), ("ann", [9, 12, 40, 1])):
        with working(client, database, name):
            query = {"class": "owl", "query": {"images": pool.images[:1]}}
            review = client.post(f"{POOL}/reviews", json=query).json()["id"]
            for milliseconds in (1000 * each for each in seconds):
                page = f"/api/v1/pages/{client.post(f'/api/v1/reviews/{review}/pages', json={'size': 1}).json()['id']}"
                client.post(f"{page}/commit", json={"milliseconds": milliseconds})
    with database.write() as session:
        ann = select(Person.id).where(Person.name == "ann").scalar_subquery()
        session.execute(update(Commit).where(Commit.person_id == ann).values(planted=2, caught=1))
    with working(client, database, "ann"):
        client.delete(f"{page}/commit")
        people = client.get(AGREEMENT).json()["people"]
    assert people[0] == {
        "person": "ann",
        "pages": 3,
        "seconds": 12,
        "planted": 8,
        "caught": 4,
        "sentence": "ann: 3 pages, half of them in 12 s or less, caught 4 of 8 planted ones.",
    }
    assert [each["sentence"] for each in people[1:]] == ["ben: 1 page, in 5 s."]


def test_where_nobody_judged_twice_it_says_so(client: TestClient, pool: SeededPool) -> None:
    answer = client.get(AGREEMENT).json()
    assert answer == {
        "images": 0,
        "raw": None,
        "fleiss": None,
        "sentence": "No picture of this class has been judged by two people yet.",
        "pairs": [],
        "people": [],
    }


@both_databases
def test_where_all_verdicts_are_the_same_no_kappa_is_defined(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    for name in ("ann", "ben"):
        say(client, database, name, "accept", pool.images[:1])
    answer = client.get(AGREEMENT).json()
    assert (answer["fleiss"], answer["pairs"][0]["cohen"]) == (None, None)
    assert answer["pairs"][0]["sentence"] == (
        "ann and ben: 100 % on 1 picture, Cohen’s kappa not defined, as all verdicts are the same."
    )


def test_the_pages_show_it(client: TestClient, database: Database, images: list[str]) -> None:
    assert "Disagreements <b>3</b>" in client.get("/pools/birds").text
    owl = "/pools/birds/classes/owl"
    assert "3 disagreements" in client.get(owl).text
    with working(client, database, "cleo", "annotator"):
        assert "How far people agree" not in client.get(owl).text, "whose quality it is, is for leads"
    assert client.get("/pools/birds/disagreements", params={"class": "owl"}).status_code == 200
    assert client.get("/pools/birds/disagreements", params={"class": "phoenix"}).status_code == 404


@both_databases
def test_the_queue_is_found_by_the_index_of_disputed_labels(database: Database, images: list[str]) -> None:
    if database.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL chooses by the size of the table")
    statement = str(
        select(Label.image_id).where(DISPUTED, Label.class_id == 1).compile(compile_kwargs={"literal_binds": True})
    )
    with database.read() as session:
        plan = session.execute(text(f"EXPLAIN QUERY PLAN {statement}")).all()
    assert "disputed_labels" in str(plan)


@pytest.mark.parametrize(("role", "settles"), [("annotator", False), ("engineer", False), ("lead", True)])
def test_the_page_of_a_class_leads_to_its_disagreements_only_those_who_may_settle_them(
    client: TestClient, database: Database, images: list[str], role: str, settles: bool
) -> None:
    queue_of_owl = "/pools/birds/disagreements?class=owl"
    with working(client, database, f"some {role}", role):
        page = client.get("/pools/birds/classes/owl").text
        assert (f'href="{queue_of_owl}"' in page) == settles
        assert (client.get(queue_of_owl, headers={"Accept": "text/html"}).status_code == 200) == settles
