"""The journal: each act is in it, can be found again, and what was stored can be taken back alone."""

from __future__ import annotations

import csv
import io
import random
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import Database
from app.jobs import lifecycle, queries
from app.jobs.queries import JobLine
from app.settings import Settings
from app.tables import Label
from app.verdicts.queries import standing_verdicts
from app.verdicts.rule import in_force
from app.verdicts.rules import pool_rule
from tests.people import acting_as, add_person
from tests.seeded import SeededPool, seed_pool, two_heaps

JOURNAL = "/api/v1/journal"
CLASSES = "/api/v1/pools/birds/classes"


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(20, 80), classes=("owl", "lark"))


def read(client: TestClient, **filters: object) -> list[dict[str, Any]]:
    answer = client.get(JOURNAL, params=filters)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def told(client: TestClient, **filters: object) -> list[str]:
    return [f"{entry['person']} {entry['told']}" for entry in read(client, **filters)]


def give(client: TestClient, name: str, verdict: str, *images: str) -> int:
    answer = client.post(f"{CLASSES}/{name}/verdicts", json={"images": images, "verdict": verdict})
    return int(answer.json()["commit"])


def store_page(client: TestClient, pool: SeededPool, *, size: int = 5, rejected: int = 0) -> dict[str, Any]:
    body = {"class": "owl", "query": {"images": [pool.images[0]]}}
    review = client.post("/api/v1/pools/birds/reviews", json=body).json()
    page = client.post(f"/api/v1/reviews/{review['id']}/pages", json={"size": size, "plant": False}).json()
    shown = [candidate["image"] for candidate in page["candidates"]]
    stored = client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": shown[:rejected]}).json()
    return {**page, "shown": shown, "commit": stored["commit"]}


def test_each_act_is_told_in_words_the_latest_first(client: TestClient, database: Database, pool: SeededPool) -> None:
    ada = add_person(database, "Ada", role="engineer")
    with acting_as(client, ada):
        page = store_page(client, pool, rejected=2)
    give(client, "lark", "unsure", pool.images[30])
    client.delete(f"/api/v1/pages/{page['id']}/commit")
    client.post(CLASSES, json={"name": "crow"})
    client.patch(f"{CLASSES}/crow", json={"name": "raven"})
    client.post(f"{CLASSES}/raven/merge", json={"into": "lark"})
    client.delete(f"{CLASSES}/raven/merge")
    client.get("/api/v1/pools/birds/labels.csv", params={"class": "owl"})
    assert told(client, pool="birds") == [
        "local exported 0 rows of labels",
        "local took the merge of “raven” into “lark” back: 0 pictures",
        "local merged the class “raven” into “lark”: 0 pictures",
        "local renamed the class “crow” to “raven”",
        "local made the class “crow”",
        "local took back, as a whole, Ada’s page 1 of class “owl”: 3 accepted, 2 rejected",
        "local stored a correction of class “lark”: 1 unsure",
        "Ada stored page 1 of class “owl”: 3 accepted, 2 rejected",
    ]
    stored = read(client, act="page")[0]["commit"]
    assert (stored["review"], stored["page"], stored["undone_by"]) == (1, page["id"], "local")


def test_what_leads_and_admins_change_is_told_in_words(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    add_person(database, "Ada")
    for role in ({"role": "lead"}, {"role": "annotator"}):
        assert client.put("/api/v1/pools/birds/members/Ada", json=role).status_code == 204
    assert client.delete("/api/v1/pools/birds/members/Ada").status_code == 204
    for rule in ({"rule": "first"}, {"rule": "majority", "majority_of": 3}, {"rule": "lead"}):
        assert client.put("/api/v1/pools/birds/rule", json=rule).status_code == 200
    assert told(client) == [
        "local changed the rule from “a majority of 3” to “a lead decides”",
        "local changed the rule from “first wins” to “a majority of 3”",
        "local changed the rule from “latest wins” to “first wins”",
        "local took Ada out of the pool",
        "local gave Ada the role of annotator",
        "local gave Ada the role of lead",
    ]


def test_jobs_are_in_the_journal_when_asked_for_stopped_resumed_and_ended(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    job = client.post("/api/v1/pools/birds/reindex").json()["job"]
    client.delete(f"/api/v1/jobs/{job}")
    client.delete(f"/api/v1/jobs/{job}")  # it is stopped already: nothing has happened
    client.post(f"/api/v1/jobs/{job}/resume")
    with database.write() as session:
        claimed = queries.claim(session)
        assert isinstance(claimed, JobLine)
        queries.finish(session, job=claimed, result={"count": 1200, "left_out_named": ["a.png"]})
    with database.write() as session:
        line = queries.start(session, kind=lifecycle.IMPORT, pool_id=1, arguments={"folder": "/home/me/birds"})
        queries.fail(session, job=line, sentence="The disk is full.")
    assert told(client) == [
        "None asked for an import, which has failed: The disk is full.",
        "None asked for an import: folder birds",
        "local asked for a reindex, which is done: count 1,200",
        "local resumed a reindex",
        "local stopped a reindex",
        "local asked for a reindex",
    ]
    assert {entry["job"] for entry in read(client, act="end-reindex")} == {job}


def test_filters_choose_entries(client: TestClient, database: Database, pool: SeededPool) -> None:
    add_person(database, "Ada")
    first = give(client, "owl", "accept", pool.images[0])
    give(client, "lark", "accept", pool.images[1])
    client.delete(f"/api/v1/commits/{first}")
    every = {entry["id"] for entry in read(client)}
    for filters, acts in (
        ({"person": "LOCAL"}, ["undo", "correction", "correction"]),
        ({"person": "Ada"}, []),
        ({"person": "nobody"}, []),
        ({"act": ["undo", "page"]}, ["undo"]),
        ({"pool": "birds", "class": "owl"}, ["undo", "correction"]),
        ({"pool": "birds", "image": pool.images[0]}, ["undo", "correction"]),
        ({"pool": "birds", "image": pool.images[2]}, []),
        ({"since": "2000-01-01", "until": "2999-01-01T00:00:00Z"}, ["undo", "correction", "correction"]),
        ({"since": "2999-01-01"}, []),
        ({"until": "2000-01-01"}, []),
    ):
        found = read(client, **filters)
        assert [entry["act"] for entry in found] == acts, filters
        assert {entry["id"] for entry in found} <= every


@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ({"pool": "nests"}, 404), ({"class": "owl"}, 422), ({"pool": "birds", "class": "phoenix"}, 404),
        ({"pool": "birds", "image": "0" * 64}, 422), ({"since": "soon"}, 422), ({"limit": "0"}, 422),
    ],
)  # fmt: skip
def test_filters_that_cannot_be_used_are_refused(
    client: TestClient, pool: SeededPool, filters: dict[str, str], status: int
) -> None:
    assert client.get(JOURNAL, params=filters).status_code == status


def test_the_class_filter_finds_what_was_done_for_a_class_that_was_merged(client: TestClient, pool: SeededPool) -> None:
    give(client, "lark", "accept", pool.images[0])
    client.post(f"{CLASSES}/lark/merge", json={"into": "owl"})
    assert [entry["act"] for entry in read(client, pool="birds", **{"class": "owl"})] == ["merge", "correction"]


def test_the_journal_is_read_page_by_page(client: TestClient, pool: SeededPool) -> None:
    for image in pool.images[:7]:
        give(client, "owl", "accept", image)
    seen: list[int] = []
    after = None
    while True:
        answer = client.get(JOURNAL, params={"limit": 3} | ({"after": after} if after else {})).json()
        seen += [entry["id"] for entry in answer["items"]]
        after = answer["next"]
        if after is None:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 7


def test_the_csv_holds_what_the_journal_holds_and_is_itself_in_it(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    page = store_page(client, pool, rejected=1)
    client.delete(f"/api/v1/pages/{page['id']}/commit")
    client.patch(f"{CLASSES}/lark", json={"name": "a, “b”"})
    answer = client.get("/api/v1/pools/birds/journal.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert answer.headers["X-Winnow-Rows"] == str(len(rows)) == "3"
    assert [(row["act"], row["who"], row["undone"]) for row in rows] == [
        ("rename-class", "local", ""), ("undo", "local", "yes"), ("page", "local", "yes"),
    ]  # fmt: skip
    assert rows[0]["details"] == '{"from": "lark", "to": "a, “b”"}'
    assert (rows[2]["accepted"], rows[2]["rejected"], rows[2]["page"]) == ("4", "1", str(page["id"]))
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert told(client)[0] == "local exported 3 rows of journal"
    assert client.get("/api/v1/pools/birds/journal.csv", params={"act": "undo"}).headers["X-Winnow-Rows"] == "1"


def test_engineers_read_their_pools_and_others_nothing(
    client: TestClient, settings: Settings, database: Database, pool: SeededPool
) -> None:
    seed_pool(settings, database, vectors=two_heaps(2, 2), name="others")
    give(client, "owl", "accept", pool.images[0])
    client.post("/api/v1/pools/others/classes", json={"name": "duck"})
    engineer, lead = add_person(database, "Ada", role="engineer"), add_person(database, "Lin", role="lead")
    with acting_as(client, engineer):
        assert {entry["pool"] for entry in read(client)} == {"birds"}
        for path in ("/api/v1/pools/others/journal.csv", "/pools/others/journal"):
            assert client.get(path).status_code == 404
        told = [client.get(f"/api/v1/journal?pool={name}").json()["detail"] for name in ("others", "nowhere")]
        assert told == ["There is no pool “others”.", "There is no pool “nowhere”."]
    with acting_as(client, lead):
        assert client.get(JOURNAL).status_code == 403
    assert {entry["pool"] for entry in read(client)} == {"birds", "others"}


def test_others_take_back_only_as_lead_engineer_or_admin(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    ada, ben = add_person(database, "Ada", role="annotator"), add_person(database, "Ben", role="annotator")
    lin = add_person(database, "Lin", role="lead")
    with acting_as(client, ada):
        first, second = give(client, "owl", "accept", pool.images[0]), give(client, "owl", "accept", pool.images[1])
    with acting_as(client, ben):
        refused = client.delete(f"/api/v1/commits/{first}")
        assert (refused.status_code, refused.json()["code"]) == (403, "not-yours")
    with acting_as(client, lin):
        assert client.delete(f"/api/v1/commits/{first}").status_code == 200
    with acting_as(client, ada):
        assert client.delete(f"/api/v1/commits/{second}").status_code == 200


def test_the_page_of_a_sample_says_what_to_take_back_first(client: TestClient, pool: SeededPool) -> None:
    body = {"class": "owl", "query": {"images": [pool.images[0]]}}
    review = client.post("/api/v1/pools/birds/reviews", json=body).json()
    lot = client.post(f"/api/v1/reviews/{review['id']}/lots", json={"size": 90}).json()
    sample = client.post(f"/api/v1/pages/{lot['page']}/commit", json={}).json()["commit"]
    rest = client.post(f"/api/v1/lots/{lot['id']}/commit").json()["commit"]
    refused = client.delete(f"/api/v1/commits/{sample}")
    assert (refused.status_code, refused.json()["code"]) == (409, "lot-decided")
    assert "take that back first" in refused.json()["detail"]
    assert client.delete(f"/api/v1/commits/{rest}").status_code == 200
    assert client.delete(f"/api/v1/commits/{sample}").status_code == 200
    assert [entry["act"] for entry in read(client)] == ["undo", "undo", "lot", "page"]


def test_an_old_page_is_undone_alone_and_later_verdicts_of_others_stay(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    ada, ben = add_person(database, "Ada", role="annotator"), add_person(database, "Ben", role="annotator")
    with acting_as(client, ada):
        page = store_page(client, pool)
    with acting_as(client, ben):
        give(client, "owl", "reject", page["shown"][0])
        give(client, "lark", "accept", page["shown"][1])
    assert client.delete(f"/api/v1/commits/{page['commit']}").status_code == 200
    text = client.get("/api/v1/pools/birds/labels.csv", params={"verdict": "any"}).text
    rows = csv.DictReader(io.StringIO(text, newline=""))
    assert {(row["image"], row["class"], row["verdict"], row["who"]) for row in rows} == {
        (page["shown"][0], "owl", "reject", "Ben"), (page["shown"][1], "lark", "accept", "Ben"),
    }  # fmt: skip


@pytest.fixture(params=range(3))
def chance(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


def test_whatever_is_stored_undone_and_merged_labels_are_what_the_standing_verdicts_amount_to(
    client: TestClient, database: Database, pool: SeededPool, chance: random.Random
) -> None:
    stored: list[int] = []
    for _ in range(25):
        act = chance.choice(["give", "give", "give", "undo", "merge", "unmerge"])
        if act == "give":
            images = chance.sample(pool.images[:8], 3)
            name, verdict = chance.choice(["owl", "lark"]), chance.choice(["accept", "reject", "unsure"])
            stored.append(give(client, name, verdict, *images))
        elif act == "undo" and stored:
            client.delete(f"/api/v1/commits/{stored.pop(chance.randrange(len(stored)))}")
        elif act == "merge":
            client.post(f"{CLASSES}/lark/merge", json={"into": "owl"})
        elif act == "unmerge":
            client.delete(f"{CLASSES}/lark/merge")
        with database.read() as session:
            ids = range(1, len(pool.images) + 1)
            held = in_force(standing_verdicts(session, pool_id=1, image_ids=ids), pool_rule(session, pool_id=1))
            labels = session.execute(select(Label.class_id, Label.image_id, Label.verdict_id, Label.value)).all()
        assert sorted(map(tuple, labels)) == sorted((*which, now.verdict.id, now.value) for which, now in held.items())


def test_a_merge_can_be_taken_back_from_the_journal_as_long_as_it_stands(client: TestClient, pool: SeededPool) -> None:
    client.post(f"{CLASSES}/lark/merge", json={"into": "owl"})
    assert "classes/lark/merge" in client.get("/pools/birds/journal").text
    client.delete(f"{CLASSES}/lark/merge")
    assert "classes/lark/merge" not in client.get("/pools/birds/journal").text


def test_buttons_are_shown_to_those_whom_their_routes_let(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    with acting_as(client, add_person(database, "Ada", role="annotator")):
        page = store_page(client, pool)
    with acting_as(client, add_person(database, "Lin", role="lead")):
        client.post(f"{CLASSES}/lark/merge", json={"into": "owl"})
    with acting_as(client, add_person(database, "Erik", role="engineer")):
        assert "classes/lark/merge" not in client.get("/pools/birds/journal").text
    image = f"/pools/birds/images/{page['shown'][0]}"
    for name, role, reads, undoes in [
        ("Ada", "annotator", False, True),
        ("Ben", "annotator", False, False),
        ("Erik", "engineer", True, True),
    ]:
        with acting_as(client, add_person(database, name, role=role)):
            assert ("In the journal" in client.get(image).text) == reads
            assert ("Undo this page" in client.get(f"/pages/{page['id']}").text) == undoes


def test_the_page_of_the_journal_opens_with_every_filter(client: TestClient, pool: SeededPool) -> None:
    assert "Nothing has been done in this pool yet" in client.get("/pools/birds/journal").text
    page = store_page(client, pool)
    filters = {"person": "local", "class": "owl", "act": "page", "since": "2000-01-01", "image": page["shown"][0]}
    answer = client.get("/pools/birds/journal", params={**filters, "until": ""})
    assert answer.status_code == 200
    assert "stored page 1 of class “owl”: 5 accepted" in answer.text
    assert "Nothing in the journal is like that" in client.get("/pools/birds/journal?act=undo").text
    assert client.get("/pools/birds/journal?since=soon", headers={"Accept": "text/html"}).status_code == 422
