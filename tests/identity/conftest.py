"""A server with somebody for each role, and clients in which they are logged in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.identity.people import PersonLine
from app.settings import Settings
from tests.people import beside
from tests.world import World, cookies_of, made_people, made_world


@pytest.fixture
def world(client: TestClient, settings: Settings, database: Database) -> World:
    """Everything that addresses name, made while nobody had to log in."""
    return made_world(client, settings, database)


@pytest.fixture
def people(world: World, database: Database) -> dict[str, PersonLine]:
    """Somebody for each role. From here on, everybody has to log in."""
    return made_people(database)


@pytest.fixture
def as_person(client: TestClient, people: dict[str, PersonLine], database: Database) -> Callable[[str], TestClient]:
    """Makes clients in which somebody is logged in."""

    def log_in(name: str) -> TestClient:
        cookies = cookies_of(people[name], database)
        return beside(client, cookies=cookies, raise_server_exceptions=False)

    return log_in
