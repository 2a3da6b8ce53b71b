"""Log-ins in the journal: of a pool's members for its engineers, and of everybody for admins, with all else."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.history import record
from app.identity.members import remove_member
from app.identity.people import PersonLine
from app.insight.journal_words import ACTS, ACTS_OF_ALL
from app.jobs.lifecycle import Kind
from app.jobs.queries import Verb
from app.settings import Settings
from app.words import Act
from tests.people import acting_as, add_person, person
from tests.seeded import SeededPool, seed_pool, two_heaps

JOURNAL = "/api/v1/journal"
SECRETS = ("password", "token", "revoke-token", "add-person", "admin", "remove-person")


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    seed_pool(settings, database, vectors=two_heaps(2, 2), name="others")
    return seed_pool(settings, database, vectors=two_heaps(5, 5), classes=("owl",))


@pytest.fixture
def people(database: Database, pool: SeededPool) -> dict[str, PersonLine]:
    """Two members of “birds”, one of “others”, and an admin; each has logged in, and out, and got another password."""
    found = {
        "Ada": add_person(database, "Ada", role="engineer"),
        "Ben": add_person(database, "Ben", role="annotator"),
        "Zoe": add_person(database, "Zoe", pool="others", role="engineer"),
        "Root": person(database, "Root", admin=True),
    }
    with database.write() as session:
        for name, somebody in found.items():
            record(session, "password", person_id=found["Root"].id, details={"person": name})
            record(session, "token", person_id=somebody.id, details={"token": 1, "name": "nightly", "role": "lead"})
            record(session, "log-in", person_id=somebody.id)
            record(session, "log-out", person_id=somebody.id)
    return found


@contextmanager
def acting(client: TestClient, people: dict[str, PersonLine], name: str) -> Iterator[None]:
    with acting_as(client, people[name]):
        yield


def done(client: TestClient, **filters: Any) -> list[str]:
    answer = client.get(JOURNAL, params=filters)
    assert answer.status_code == 200, answer.text
    return [f"{entry['person']} {entry['act']}" for entry in answer.json()["items"]]


def rows(client: TestClient, path: str, **filters: Any) -> list[str]:
    answer = client.get(path, params=filters)
    assert answer.status_code == 200, answer.text
    found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert answer.headers["X-Winnow-Rows"] == str(len(found))
    return [f"{row['who']} {row['act']}" for row in found]


def test_engineers_read_when_members_of_their_pool_logged_in_and_out_and_nothing_else_of_people(
    client: TestClient, people: dict[str, PersonLine]
) -> None:
    of_members = ["Ben log-out", "Ben log-in", "Ada log-out", "Ada log-in"]
    with acting(client, people, "Ada"):
        assert done(client) == done(client, pool="birds") == of_members
        assert done(client, act=["log-in"], person="Ben") == ["Ben log-in"]
        assert done(client, act=list(SECRETS)) == []
        assert rows(client, "/api/v1/pools/birds/journal.csv", act="log-in") == ["Ben log-in", "Ada log-in"]
        page = client.get("/pools/birds/journal", params={"act": "log-in"}).text
        assert "<b>Ben</b> logged in" in page
        assert "Zoe" not in page + client.get("/pools/birds/journal").text
        assert client.get("/pools/others/journal").status_code == 404
    with acting(client, people, "Zoe"):
        assert done(client) == ["Zoe log-out", "Zoe log-in"]


def test_whoever_is_taken_out_of_a_pool_takes_their_log_ins_out_of_its_journal(
    client: TestClient, database: Database, people: dict[str, PersonLine]
) -> None:
    with database.write() as session:
        remove_member(session, pool_id=2, person=people["Ben"], by=None)
    with acting(client, people, "Ada"):
        assert done(client, act="log-in") == ["Ada log-in"]


def test_admins_read_filter_and_export_the_journal_of_the_whole_server(
    client: TestClient, people: dict[str, PersonLine]
) -> None:
    with acting(client, people, "Root"):
        page = client.get("/journal").text
        assert page.count(" logged in</p>") == 4
        assert "<b>Root</b> gave Zoe another password" in page
        filtered = client.get("/journal", params={"act": "log-in", "person": "Zoe", "since": "2000-01-01", "until": ""})
        assert "<b>Zoe</b> logged in" in filtered.text
        assert "<b>Ada</b>" not in filtered.text
        assert 'href="/api/v1/journal.csv?person=Zoe&amp;act=log-in&amp;since=2000-01-01"' in filtered.text
        assert len(rows(client, "/api/v1/journal.csv")) == 16
        # The first export is an entry itself, of no pool.
        assert rows(client, "/api/v1/journal.csv")[0] == "Root export"
        assert rows(client, "/api/v1/journal.csv", pool="others", act="log-in") == ["Zoe log-in"]
        assert 'href="/journal"' in client.get("/").text
        assert 'href="/journal"' in client.get("/people").text
    with acting(client, people, "Ada"):
        assert 'href="/journal"' not in client.get("/").text
        for path in ("/journal", "/api/v1/journal.csv"):
            assert client.get(path).status_code == 403


def test_an_entry_of_the_whole_server_says_of_which_pool_it_is_and_can_be_taken_back(
    client: TestClient, pool: SeededPool
) -> None:
    given = {"images": [pool.images[0]], "verdict": "accept"}
    commit = client.post("/api/v1/pools/birds/classes/owl/verdicts", json=given).json()["commit"]
    client.post("/api/v1/pools/birds/classes", json={"name": "duck"})
    client.post("/api/v1/pools/birds/classes/duck/merge", json={"into": "owl"})
    page = client.get("/journal").text
    assert page.count('<a href="/pools/birds">birds</a>') == 3
    assert f'take-back-url-param="/api/v1/commits/{commit}"' in page
    assert 'take-back-url-param="/api/v1/pools/birds/classes/duck/merge"' in page
    assert client.get("/journal", params={"pool": "others"}).text.count("journal__entry") == 0
    assert client.get("/journal", params={"pool": "nowhere"}).status_code == 404


def test_what_belongs_to_a_pool_and_what_its_members_did_are_read_page_by_page_in_one_order(
    client: TestClient, database: Database, people: dict[str, PersonLine]
) -> None:
    for number in range(4):
        client.post("/api/v1/pools/birds/classes", json={"name": f"class {number}"})
        with database.write() as session:
            record(session, "log-in", person_id=people["Ada"].id)
    with acting(client, people, "Ada"):
        whole = client.get(JOURNAL).json()["items"]
        assert [entry["act"] for entry in whole[:4]] == ["log-in", "make-class"] * 2
        seen, after = [], None
        while answer := client.get(JOURNAL, params={"limit": 3} | ({"after": after} if after else {})).json():
            seen += answer["items"]
            if (after := answer["next"]) is None:
                break
    assert seen == whole


def test_every_act_that_is_ever_recorded_can_be_filtered_by(client: TestClient, pool: SeededPool) -> None:
    # The journal's pen takes no act but these, and those of jobs, which are put together of two words.
    assert set(ACTS_OF_ALL) == set(get_args(Act))
    assert {f"{verb}-{kind}" for verb in get_args(Verb) for kind in get_args(Kind)} <= set(ACTS)
    assert set(ACTS_OF_ALL) - set(ACTS) == set(SECRETS)
    for address, acts in (("/journal", ACTS_OF_ALL), ("/pools/birds/journal", ACTS)):
        for act, words in acts.items():
            answer = client.get(address, params={"act": act})
            assert f'<option value="{act}" selected>{words}</option>' in answer.text
