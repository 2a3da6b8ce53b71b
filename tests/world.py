"""A server with two pools and somebody for each role; and real things in the first pool, to be asked for."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import Database
from app.identity.accounts import add_person
from app.identity.log_ins import start_log_in
from app.identity.members import set_role
from app.identity.people import PersonLine
from app.identity.secrets import hashed
from app.jobs import queries as jobs
from app.pools.queries import pool_named
from app.settings import Settings
from app.tables import Commit, Person, Served
from app.words import Role
from tests.seeded import seed_pool, two_heaps

PASSWORD = "a correct horse"

# Somebody for each role in the pool “birds”; the stranger may do more than all but the admin, in another pool.
ROLES: dict[str, tuple[str, Role]] = {
    "annotator": ("birds", "annotator"),
    "lead": ("birds", "lead"),
    "engineer": ("birds", "engineer"),
    "stranger": ("fish", "engineer"),
}


@dataclass(frozen=True)
class World:
    """What may be asked for in the pool “birds”, by the part of the address that names it."""

    names: dict[str, str]
    images: list[str]


def made_world(client: TestClient, settings: Settings, database: Database) -> World:
    """Make everything that addresses name, while nobody has to log in."""
    birds = seed_pool(settings, database, vectors=two_heaps(30, 70), classes=("owl", "lark"))
    seed_pool(settings, database, vectors=two_heaps(3, 3), name="fish", classes=("cod",))
    query = {"class": "owl", "query": {"images": [birds.images[0]]}}
    review = client.post("/api/v1/pools/birds/reviews", json=query).json()["id"]
    page = client.post(f"/api/v1/reviews/{review}/pages", json={"size": 10}).json()["id"]
    assert client.post(f"/api/v1/pages/{page}/commit", json={}).status_code == 200
    lot = client.post(f"/api/v1/reviews/{review}/lots", json={"size": 30, "looks": 1}).json()["id"]
    with database.write() as session:
        job = jobs.create(session, kind="reindex", pool_id=pool_named(session, "birds").id, arguments={}).id
        entry = session.scalars(select(Commit.id)).one()
        version = session.scalars(select(Served.index_version_id).order_by(Served.pool_id).limit(1)).one()
    return World(
        names={
            "pool": "birds",
            "class_name": "owl",
            "review": str(review),
            "page": str(page),
            "lot": str(lot),
            "job": str(job),
            "index version": str(version),
            "commit": str(entry),
            "image": birds.images[0],
            "person": "nobody",
        },
        images=birds.images,
    )


def made_people(database: Database) -> dict[str, PersonLine]:
    """Make somebody for each role. From here on, everybody has to log in."""
    with database.write() as session:
        found = {"admin": add_person(session, name="admin", password=hashed(PASSWORD), admin=True, by=None)}
        for name, (pool, role) in ROLES.items():
            # Without a password: to make one takes a tenth of a second, and most tests log in without.
            person = Person(name=name, name_key=name)
            session.add(person)
            session.flush()
            found[name] = PersonLine(person.id, name)
            set_role(session, pool_id=pool_named(session, pool).id, person=found[name], role=role, by=None)
    return found


def cookies_of(person: PersonLine, database: Database) -> dict[str, str]:
    """Log somebody in."""
    with database.write() as session:
        return {"winnow": start_log_in(session, person_id=person.id, days=1)}
