"""Managing people and tokens: what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.db import Database
from app.identity.accounts import remove_person
from app.identity.people import PersonLine
from app.tables import JournalEntry, Token, now
from tests.conftest import both_databases, one_database
from tests.people import beside
from tests.world import PASSWORD

pytestmark = one_database


@pytest.fixture
def admin(as_person: Callable[[str], TestClient]) -> TestClient:
    return as_person("admin")


def test_the_first_person_has_to_be_an_admin(client: TestClient) -> None:
    first = {"name": "anna", "password": PASSWORD}
    refused = client.post("/api/v1/people", json=first)
    assert (refused.status_code, refused.json()["code"]) == (422, "first-is-admin")
    assert client.post("/api/v1/people", json={**first, "admin": True}).status_code == 201
    assert client.get("/api/v1/people").status_code == 401, "from now on, everybody has to log in"


def test_an_admin_adds_somebody_gives_a_role_and_takes_it_away(admin: TestClient, client: TestClient) -> None:
    assert admin.post("/api/v1/people", json={"name": "Ben", "password": PASSWORD}).status_code == 201
    assert client.post("/api/v1/log-in", json={"name": "ben", "password": PASSWORD}).status_code == 204
    assert client.get("/api/v1/pools/birds").status_code == 404
    assert admin.put("/api/v1/pools/birds/members/BEN", json={"role": "annotator"}).status_code == 204
    assert client.get("/api/v1/pools/birds").status_code == 200, "who gains something stays logged in"
    names = [(member["name"], member["role"]) for member in client.get("/api/v1/pools/birds/members").json()["items"]]
    assert names == [(name, name) for name in ("annotator",)] + [("Ben", "annotator")] + [
        (name, name) for name in ("engineer", "lead")
    ]
    assert admin.delete("/api/v1/pools/birds/members/Ben").status_code == 204
    assert client.get("/api/v1/me").status_code == 401
    assert admin.delete("/api/v1/pools/birds/members/Ben").json()["code"] == "not-a-member"
    assert admin.delete("/api/v1/people/Ben").status_code == 204
    assert client.post("/api/v1/log-in", json={"name": "ben", "password": PASSWORD}).status_code == 401
    assert "Ben" not in [person["name"] for person in admin.get("/api/v1/people").json()["items"]]


def test_a_name_that_is_taken_stays_with_whoever_has_it(
    admin: TestClient, people: dict[str, PersonLine], database: Database
) -> None:
    with database.write() as session:
        remove_person(session, person=people["lead"], by=None)
    for name in ("ANNOTATOR", "lead", "local"):
        refused = admin.post("/api/v1/people", json={"name": name, "password": PASSWORD})
        assert (refused.status_code, refused.json()["code"]) == (409, "person-exists")


@pytest.mark.parametrize(
    ("method", "person", "body", "code"),
    [
        ("DELETE", "admin", None, "last-admin"),
        ("PATCH", "admin", {"admin": False}, "last-admin"),
        ("DELETE", "local", None, "local-person"),
        ("PATCH", "local", {"password": PASSWORD}, "local-person"),
        ("PATCH", "lead", {"password": "short"}, "bad-password"),
        ("PATCH", "admin", {"password": "another horse", "admin": True}, "own-password"),
        ("DELETE", "zoe", None, "person-not-found"),
    ],
)
def test_what_would_leave_the_server_in_a_bad_state_is_refused(
    method: str, person: str, body: object, code: str, admin: TestClient
) -> None:
    assert admin.request(method, f"/api/v1/people/{person}", json=body).json()["code"] == code


@both_databases
def test_a_token_is_shown_once_and_ends_when_revoked(
    as_person: Callable[[str], TestClient], client: TestClient
) -> None:
    engineer, lead = as_person("engineer"), as_person("lead")
    made = engineer.post("/api/v1/tokens", json={"name": "nightly", "role": "engineer"}).json()
    program = {"Authorization": f"Bearer {made['token']}"}
    assert client.get("/api/v1/me", headers=program).json() == {
        "name": "engineer",
        "admin": False,
        "way": "token",
        "roles": {"birds": "engineer"},
    }
    [listed] = engineer.get("/api/v1/tokens").json()["items"]
    assert listed["last_used_at"] is not None
    assert made["token"] not in str(listed)
    assert lead.delete(f"/api/v1/tokens/{made['id']}").json()["code"] == "token-not-found"
    assert engineer.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    refused = client.get("/api/v1/me", headers=program)
    assert (refused.status_code, refused.json()["code"]) == (401, "bad-token")
    assert engineer.get("/api/v1/tokens").json()["items"] == []


@both_databases
def test_tokens_that_have_expired_or_whose_person_has_gone_let_nobody_in(
    as_person: Callable[[str], TestClient], client: TestClient, people: dict[str, PersonLine], database: Database
) -> None:
    secrets = [
        as_person(name).post("/api/v1/tokens", json={"name": "script"}).json()["token"] for name in ("lead", "engineer")
    ]
    with database.write() as session:
        session.execute(
            update(Token).where(Token.person_id == people["lead"].id).values(expires_at=now() - timedelta(seconds=1))
        )
        remove_person(session, person=people["engineer"], by=None)
    for secret in (*secrets, "winnow_nonsense", ""):
        answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "bad-token")


def test_no_secret_gets_into_the_journal(admin: TestClient, database: Database) -> None:
    made = admin.post("/api/v1/tokens", json={"name": "script"}).json()
    admin.patch("/api/v1/people/lead", json={"password": "another horse"})
    with database.read() as session:
        entries = session.execute(select(JournalEntry.act, JournalEntry.details)).all()
    acts = [entry.act for entry in entries]
    assert {"add-person", "role", "token", "password"} <= set(acts)
    assert made["token"] not in str(entries)
    assert "another horse" not in str(entries)


def test_a_password_given_by_somebody_else_ends_tokens_and_ones_own_leaves_them(
    admin: TestClient, client: TestClient, people: dict[str, PersonLine]
) -> None:
    admin.patch("/api/v1/people/lead", json={"password": PASSWORD})
    client.post("/api/v1/log-in", json={"name": "lead", "password": PASSWORD})
    token = client.post("/api/v1/tokens", json={"name": "script"}).json()["token"]
    program = beside(client, headers={"Authorization": f"Bearer {token}"})
    assert client.put("/api/v1/me/password", json={"present": PASSWORD, "new": "another horse"}).status_code == 204
    assert program.get("/api/v1/me").status_code == 200
    assert admin.patch("/api/v1/people/lead", json={"admin": True}).status_code == 204
    assert program.get("/api/v1/me").status_code == 200
    assert admin.patch("/api/v1/people/lead", json={"password": "a third horse"}).status_code == 204
    assert program.get("/api/v1/me").json()["code"] == "bad-token"


@pytest.mark.parametrize(
    ("person", "allowed"),
    [
        ("annotator", {"annotator"}),
        ("lead", {"annotator", "lead"}),
        ("engineer", {"annotator", "engineer"}),
        ("admin", {"annotator", "lead", "engineer", "admin"}),
    ],
)
def test_a_token_cannot_be_more_than_its_maker(
    person: str, allowed: set[str], as_person: Callable[[str], TestClient]
) -> None:
    maker = as_person(person)
    for role in ("annotator", "lead", "engineer", "admin"):
        answer = maker.post("/api/v1/tokens", json={"name": role, "role": role})
        assert answer.status_code == (201 if role in allowed else 403)
        if role not in allowed:
            assert answer.json()["code"] == "role-not-yours"
            assert answer.json()["detail"] == f"You do not have the role “{role}”, so no token of yours can have it."
    assert {line["role"] for line in maker.get("/api/v1/tokens").json()["items"]} == allowed
