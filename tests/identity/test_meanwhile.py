"""What is changed about somebody while a request of theirs waits for its transaction, or is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread

import pytest
from sqlalchemy import Connection, event, select, text, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.db import Database
from app.history import record
from app.identity import routes
from app.identity.accounts import PersonNotFound, add_person, remove_person, set_password
from app.identity.log_ins import start_log_in
from app.identity.members import NotAMember, remove_member, set_role
from app.identity.people import PersonLine, local_person
from app.identity.secrets import Hashed, hashed
from app.identity.tokens import add_token
from app.settings import Settings
from app.tables import Member, Person, Pool, Token, now
from tests.people import beside
from tests.world import PASSWORD

ADMIN = {"name": "mallory", "password": PASSWORD, "admin": True}


@pytest.fixture
def eve(people: dict[str, PersonLine], database: Database) -> PersonLine:
    """Another admin."""
    with database.write() as session:
        return add_person(session, name="eve", password=hashed(PASSWORD), admin=True, by=None)


def logged_in(client: TestClient, database: Database, who: PersonLine) -> TestClient:
    with database.write() as session:
        secret = start_log_in(session, person_id=who.id, days=1)
    return beside(client, cookies={"winnow": secret}, raise_server_exceptions=False)


def after(client: TestClient, change: Callable[[Session], object]) -> None:
    """Let this change be made once the gate has let a request through, and before its transaction begins."""
    database = client.app.state.database  # type: ignore[attr-defined]
    begin = database.write

    @contextmanager
    def wait_for_it() -> Iterator[Session]:
        database.write = begin
        with begin() as session:
            change(session)
        with begin() as session:
            yield session

    database.write = wait_for_it


@pytest.mark.parametrize(
    ("change", "method", "address", "body"),
    [
        ("password", "POST", "/api/v1/tokens", {"name": "script", "days": None}),
        ("removed", "POST", "/api/v1/people", ADMIN),
        ("removed", "PATCH", "/api/v1/people/lead", {"password": "another horse"}),
        ("password", "DELETE", "/api/v1/people/lead", None),
        ("removed", "PUT", "/api/v1/pools/birds/members/stranger", {"role": "lead"}),
        ("password", "DELETE", "/api/v1/pools/birds/members/lead", None),
        ("removed", "POST", "/api/v1/pools", {"name": "shells"}),
    ],
)
def test_whoever_is_locked_out_while_a_request_of_theirs_waits_changes_nothing(
    change: str,
    method: str,
    address: str,
    body: object,
    client: TestClient,
    database: Database,
    people: dict[str, PersonLine],
    eve: PersonLine,
) -> None:
    intruder = logged_in(client, database, eve)

    def lock_out(session: Session) -> None:
        if change == "removed":
            remove_person(session, person=eve, by=people["admin"].id)
        else:
            set_password(session, person=eve, password=hashed("a third horse"), by=people["admin"].id)

    def held() -> object:
        with database.read() as session:
            lead = Person.id == people["lead"].id
            return (
                session.scalars(select(Person.name_key).order_by(Person.id)).all(),
                session.execute(select(Person.password_hash, Person.removed_at).where(lead)).all(),
                session.execute(select(Member.person_id, Member.role).order_by(Member.person_id)).all(),
                session.scalars(select(Token.id).where(Token.revoked_at.is_(None))).all(),
                session.scalars(select(Pool.name).order_by(Pool.id)).all(),
            )

    before = held()
    after(client, lock_out)
    refused = intruder.request(method, address, json=body)
    assert (refused.status_code, refused.json()["code"]) == (401, "not-logged-in")
    assert held() == before


@pytest.mark.parametrize("way", ["log-in", "token"])
def test_whoever_is_no_engineer_any_more_does_not_become_one_by_making_a_pool(
    way: str, client: TestClient, database: Database, people: dict[str, PersonLine]
) -> None:
    engineer = people["engineer"]
    if way == "log-in":
        asking, told = logged_in(client, database, engineer), (401, "not-logged-in")
    else:
        with database.write() as session:
            _, secret = add_token(session, person_id=engineer.id, name="script", role="engineer", days=1, by=None)
            # As if it had been used just now, which is else noted in a transaction before that of the request.
            session.execute(update(Token).values(last_used_at=now()))
        asking, told = beside(client, headers={"Authorization": f"Bearer {secret}"}), (403, "role-too-low")
    after(client, lambda session: remove_member(session, pool_id=1, person=engineer, by=people["admin"].id))
    refused = asking.post("/api/v1/pools", json={"name": "shells"})
    assert (refused.status_code, refused.json()["code"]) == told
    with database.read() as session:
        assert session.scalars(select(Member.role).where(Member.person_id == engineer.id)).all() == []
        assert session.scalars(select(Pool.name).order_by(Pool.id)).all() == ["birds", "fish"]


def test_whoever_begins_while_somebody_else_does_comes_too_late(client: TestClient, database: Database) -> None:
    after(client, lambda session: add_person(session, name="anna", password=hashed(PASSWORD), admin=True, by=None))
    refused = client.post("/api/v1/people", json=ADMIN)
    assert (refused.status_code, refused.json()["code"]) == (401, "not-logged-in")
    with database.read() as session:
        assert "mallory" not in session.scalars(select(Person.name)).all()


def test_two_admins_who_demote_each_other_do_so_one_after_the_other(
    client: TestClient, database: Database, people: dict[str, PersonLine], eve: PersonLine
) -> None:
    both = [(logged_in(client, database, eve), "admin"), (logged_in(client, database, people["admin"]), "eve")]
    with ThreadPoolExecutor(2) as threads:
        answers = threads.map(lambda one: one[0].patch(f"/api/v1/people/{one[1]}", json={"admin": False}), both)
    assert sorted(answer.status_code for answer in answers) == [204, 401]
    with database.read() as session:
        assert len(session.scalars(select(Person.id).where(Person.admin)).all()) == 1


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("POST", "/api/v1/people", ADMIN),
        ("PATCH", "/api/v1/people/lead", {"password": "another horse"}),
    ],
)
def test_nobody_waits_while_a_password_is_hashed(
    method: str,
    address: str,
    body: object,
    as_person: Callable[[str], TestClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admin = as_person("admin")
    moments: list[str] = []

    def hashed_now(password: str) -> Hashed:
        moments.append("hashed")
        return hashed(password)

    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get("winnow_write"):
            moments.append("begun")

    monkeypatch.setattr(routes, "hashed", hashed_now)
    event.listen(admin.app.state.database.engine, "begin", begun)  # type: ignore[attr-defined]
    assert admin.request(method, address, json=body).status_code < 300
    assert moments == ["hashed", "begun"]


def test_somebody_who_was_removed_meanwhile_gets_no_role(people: dict[str, PersonLine], database: Database) -> None:
    with database.write() as session:
        remove_person(session, person=people["lead"], by=None)
    with pytest.raises(PersonNotFound), database.write() as session:
        set_role(session, pool_id=1, person=people["lead"], role="lead", by=None)


def test_a_role_is_given_and_taken_one_after_the_other(people: dict[str, PersonLine], database: Database) -> None:
    def take_out() -> None:
        with database.write() as session:
            remove_member(session, pool_id=1, person=people["stranger"], by=None)

    with database.write() as session:
        set_role(session, pool_id=1, person=people["stranger"], role="engineer", by=None)
        meanwhile = Thread(target=take_out)
        meanwhile.start()
        # It waits for this transaction, whose end is what it needs.
        meanwhile.join(timeout=0.3)
        assert meanwhile.is_alive()
    meanwhile.join()
    with pytest.raises(NotAMember):
        take_out()


def test_what_somebody_does_does_not_wait_for_the_role_that_they_are_given(
    settings: Settings, people: dict[str, PersonLine], database: Database
) -> None:
    if settings.database.startswith("sqlite"):
        pytest.skip("There, all that write do so one after the other.")
    with database.write() as giving, database.write() as merging:
        set_role(giving, pool_id=1, person=people["lead"], role="engineer", by=people["admin"].id)
        merging.execute(text("SET LOCAL lock_timeout = '2s'"))
        # Whoever merges classes holds the pool by then, for which the other one will wait.
        for who in (people["lead"], people["admin"], local_person(merging)):
            record(merging, "merge-class", person_id=who.id)
        merging.flush()
