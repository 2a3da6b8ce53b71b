"""Several people at work in one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import Database
from app.identity.log_ins import start_log_in
from app.identity.people import PersonLine
from app.tables import Member, Person, Pool


def beside(client: TestClient, /, **options: Any) -> TestClient:
    """Return another client of the same running server; one of its own would start a loop for each request."""
    other = TestClient(client.app, base_url="http://localhost", **options)
    other.portal = client.portal
    return other


def person(database: Database, name: str, *, admin: bool = False) -> PersonLine:
    """Return the person of this name, made if need be; an admin may do everything in all pools."""
    with database.write() as session:
        found = session.scalars(select(Person).where(Person.name_key == name.casefold())).one_or_none()
        if found is None:
            found = Person(name=name, name_key=name.casefold(), admin=admin)
            session.add(found)
            session.flush()
        return PersonLine(found.id, found.name)


def add_person(database: Database, name: str, *, pool: str = "birds", role: str | None = None) -> PersonLine:
    """Add a person, as a member of the pool if a role is given."""
    added = person(database, name)
    if role is not None:
        with database.write() as session:
            pool_id = session.scalars(select(Pool.id).where(Pool.name == pool)).one()
            session.merge(Member(pool_id=pool_id, person_id=added.id, role=role))
    return added


@contextmanager
def acting_as(client: TestClient, somebody: PersonLine) -> Iterator[TestClient]:
    """Let this person be the one behind the client's requests, by a log-in."""
    assert isinstance(client.app, FastAPI)
    with client.app.state.database.write() as session:
        secret = start_log_in(session, person_id=somebody.id, days=1)
    before = dict(client.cookies)
    client.cookies = {"winnow": secret}
    try:
        yield client
    finally:
        client.cookies = before


@contextmanager
def working(client: TestClient, database: Database, name: str, role: str = "lead") -> Iterator[TestClient]:
    """Let the client's requests be those of the person of this name, who is a member of all pools."""
    with database.read() as session:
        pools = session.scalars(select(Pool.name)).all()
    for pool in pools:
        add_person(database, name, pool=pool, role=role)
    with acting_as(client, person(database, name)):
        yield client
