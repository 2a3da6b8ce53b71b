"""Bodies that come late: what is decided is decided by who may do it once all of it is there."""

from __future__ import annotations

import json
from collections.abc import Callable

import anyio
import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message

from app.db import Database
from app.identity.accounts import add_person, remove_person, set_admin
from app.identity.log_ins import start_log_in
from app.identity.people import PersonLine
from app.identity.secrets import hashed
from app.tables import Person, Review
from tests.conftest import one_database
from tests.world import PASSWORD, World

MALLORY = json.dumps({"name": "mallory", "password": PASSWORD, "admin": True}).encode()


def sent_late(
    app: ASGIApp, path: str, body: bytes, meanwhile: Callable[[], object], *, secret: str = "", kind: str = ""
) -> tuple[int, str]:
    """Send the headers and half of the body, let something happen, then the rest; return the status and the code."""
    messages: list[Message] = []
    halves = [body[: len(body) // 2], body[len(body) // 2 :]]

    async def receive() -> Message:
        half = halves.pop(0)
        if not halves:
            await anyio.to_thread.run_sync(meanwhile)
        return {"type": "http.request", "body": half, "more_body": bool(halves)}

    async def send(message: Message) -> None:
        messages.append(message)

    headers = {
        "host": "localhost",
        "content-type": kind or "application/json",
        "content-length": str(len(body)),
        "cookie": f"winnow={secret}",
    }
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items() if name != "cookie" or secret],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 80),
    }
    anyio.run(app, scope, receive, send)
    told = json.loads(b"".join(message.get("body", b"") for message in messages))
    return messages[0]["status"], told.get("code", "")


def names(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(Person.name)))


@one_database
def test_a_body_that_comes_when_everybody_has_to_log_in_does_nothing(client: TestClient, database: Database) -> None:
    def begin() -> None:
        with database.write() as session:
            add_person(session, name="anna", password=hashed(PASSWORD), admin=True, by=None)

    assert sent_late(client.app, "/api/v1/people", MALLORY, begin) == (401, "not-logged-in")
    assert names(database) == {"local", "anna"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda session, who: remove_person(session, person=who, by=None), (401, "not-logged-in")),
        (lambda session, who: set_admin(session, person=who, admin=False, by=None), (401, "not-logged-in")),
        (lambda session, who: session.execute(update(Person).values(admin=False)), (403, "role-too-low")),
        (lambda session, who: None, (201, "")),
    ],
    ids=["removed", "demoted", "role too low", "nothing"],
)
def test_a_body_that_comes_when_its_sender_may_no_longer_do_this_does_nothing(
    change: Callable[..., object],
    told: tuple[int, str],
    client: TestClient,
    people: dict[str, PersonLine],
    database: Database,
) -> None:
    with database.write() as session:
        eve = add_person(session, name="eve", password=hashed(PASSWORD), admin=True, by=None)
        secret = start_log_in(session, person_id=eve.id, days=1)

    def meanwhile() -> None:
        with database.write() as session:
            change(session, eve)

    assert sent_late(client.app, "/api/v1/people", MALLORY, meanwhile, secret=secret) == told
    assert ("mallory" in names(database)) == (told[0] == 201)


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
def test_a_route_that_reads_its_body_itself_is_no_exception(
    kind: str, client: TestClient, world: World, database: Database
) -> None:
    parts = {"application/json": json.dumps({"class": "owl", "query": {"images": [world.images[0]]}})}
    body = parts.get(kind, '--b\r\nContent-Disposition: form-data; name="class"\r\n\r\nowl\r\n--b--\r\n').encode()

    def begin() -> None:
        with database.write() as session:
            add_person(session, name="anna", password=hashed(PASSWORD), admin=True, by=None)

    told = sent_late(client.app, "/api/v1/pools/birds/reviews", body, begin, kind=kind)
    assert told == (401, "not-logged-in")
    with database.read() as session:
        assert len(session.scalars(select(Review.id)).all()) == 1, "that of the world itself"
