"""Several people at work in one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import Database
from app.identity.people import PersonLine, current_person
from app.tables import Person


def person(database: Database, name: str) -> PersonLine:
    """Return the person of this name, made if need be."""
    with database.write() as session:
        found = session.scalars(select(Person).where(Person.name_key == name)).one_or_none()
        if found is None:
            found = Person(name=name, name_key=name)
            session.add(found)
            session.flush()
        return PersonLine(found.id, found.name)


@contextmanager
def working(client: TestClient, database: Database, name: str) -> Iterator[TestClient]:
    """Let the client's requests be those of this person."""
    somebody = person(database, name)
    assert isinstance(client.app, FastAPI)
    before = dict(client.app.dependency_overrides)
    client.app.dependency_overrides[current_person] = lambda: somebody
    try:
        yield client
    finally:
        client.app.dependency_overrides = before
