"""Several people at work in one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import Database
from app.identity.people import PersonLine, current_person
from app.tables import Member, Person, Pool


def person(database: Database, name: str) -> PersonLine:
    """Return the person of this name, made if need be."""
    with database.write() as session:
        found = session.scalars(select(Person).where(Person.name_key == name.casefold())).one_or_none()
        if found is None:
            found = Person(name=name, name_key=name.casefold())
            session.add(found)
            session.flush()
        return PersonLine(found.id, found.name)


def add_person(database: Database, name: str, *, pool: str = "birds", role: str | None = None) -> PersonLine:
    """Add a person, as a member of the pool if a role is given."""
    added = person(database, name)
    if role is not None:
        with database.write() as session:
            pool_id = session.scalars(select(Pool.id).where(Pool.name == pool)).one()
            session.add(Member(pool_id=pool_id, person_id=added.id, role=role))
    return added


@contextmanager
def acting_as(client: TestClient, somebody: PersonLine) -> Iterator[TestClient]:
    """Let this person be the one behind the client's requests."""
    assert isinstance(client.app, FastAPI)
    before = dict(client.app.dependency_overrides)
    client.app.dependency_overrides[current_person] = lambda: somebody
    try:
        yield client
    finally:
        client.app.dependency_overrides = before


@contextmanager
def working(client: TestClient, database: Database, name: str) -> Iterator[TestClient]:
    """Let the client's requests be those of the person of this name."""
    with acting_as(client, person(database, name)):
        yield client
