"""Which index versions are kept, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.registry import queries
from app.registry.keeping import pins, superfluous, tidy
from app.settings import Settings
from app.tables import Encoder, IndexVersion, JournalEntry, Page, Pool, Review, Served, now
from tests.conftest import HERE, both_databases, one_database
from tests.seeded import SeededPool, seed_pool, serve_new_version, two_heaps

pytestmark = one_database

LongAgo = Callable[[], None]


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(3, 4), name="birds")


@pytest.fixture
def pool_id(database: Database, pool: SeededPool) -> int:
    with database.read() as session:
        return session.scalars(select(Pool.id)).one()


@pytest.fixture
def review(client: TestClient, pool: SeededPool) -> int:
    wanted = {"class": "owl", "query": {"images": pool.images[:1]}}
    return int(client.post("/api/v1/pools/birds/reviews", json=wanted).json()["id"])


@pytest.fixture
def first(client: TestClient, pool: SeededPool) -> int:
    return int(client.get("/api/v1/pools/birds/served").json()["index_version"]["id"])


@pytest.fixture
def long_ago(database: Database) -> LongAgo:
    """Let everything that was done to reviews have been done a hundred days ago."""

    def age() -> None:
        with database.write() as session:
            session.execute(update(Review).values(created_at=now() - timedelta(days=100)))
            session.execute(update(Page).values(created_at=now() - timedelta(days=100)))

    return age


def add_versions(settings: Settings, database: Database, pool_id: int, count: int) -> list[int]:
    """Add candidates as a reindex would, with folders of little in them."""
    made = []
    with database.write() as session:
        encoder_id = session.scalars(select(Encoder.id)).one()
        for number in range(count):
            artifact = f"{pool_id}-made-{number}"
            (settings.indexes / artifact).mkdir()
            made.append(
                queries.add_version(session, pool_id=pool_id, encoder_id=encoder_id, artifact=artifact, count=1)
            )
    return made


def test_the_newest_are_kept_besides_the_served_and_the_pinned_ones(
    settings: Settings, database: Database, pool_id: int, first: int
) -> None:
    made = add_versions(settings, database, pool_id, 6)
    with database.read() as session:
        there = queries.versions_of(session, pool_id=pool_id)
    served = next(version for version in there if version.id == first)
    gone = superfluous(there, served=served, pinned={made[0]: 2}, keep=3)
    assert [version.id for version in gone] == [made[2], made[1]]
    assert superfluous(there, served=served, pinned={}, keep=6) == []
    assert superfluous(there, served=None, pinned={}, keep=0) == there


@both_databases
def test_tidying_removes_folders_and_keeps_rows(
    settings: Settings, database: Database, pool_id: int, first: int, client: TestClient
) -> None:
    made = add_versions(settings, database, pool_id, 5)
    orphan, foreign = settings.indexes / f"{pool_id}-nobody-knows", settings.indexes / f"{pool_id}1-of-another-pool"
    orphan.mkdir()
    foreign.mkdir()
    assert sorted(tidy(database, settings, pool_id=pool_id)) == made[:2]
    listed = [item["id"] for item in client.get("/api/v1/pools/birds/index-versions").json()["items"]]
    assert listed == [*reversed(made[2:]), first]
    folders = {folder.name for folder in settings.indexes.iterdir()}
    assert folders == {"birds-1", f"{pool_id}1-of-another-pool", *(f"{pool_id}-made-{number}" for number in (2, 3, 4))}
    with database.read() as session:
        removed = session.scalars(select(IndexVersion.id).where(IndexVersion.removed_at.is_not(None)))
        assert sorted(removed) == made[:2], "what was decided by them still names them"
        acts = session.scalars(select(JournalEntry.details).where(JournalEntry.act == "remove-index")).all()
    assert sorted(act["index_version"] for act in acts if act) == made[:2]
    assert tidy(database, settings, pool_id=pool_id) == []


@both_databases
def test_a_review_pins_its_version_until_it_rests(
    settings: Settings, database: Database, pool_id: int, first: int, review: int, long_ago: LongAgo, client: TestClient
) -> None:
    def pinned(settings: Settings) -> dict[int, int]:
        with database.read() as session:
            return pins(session, settings, pool_id=pool_id)

    assert pinned(settings) == {first: 1}
    long_ago()
    assert pinned(settings) == {}
    assert pinned(settings.model_copy(update={"review_rests_after_days": 0})) == {first: 1}
    # Somebody comes back to it.
    assert client.post(f"/api/v1/reviews/{review}/pages", json={}).status_code == 201
    assert pinned(settings) == {first: 1}


def test_what_is_served_or_pinned_is_not_removed_by_hand(
    settings: Settings, database: Database, pool: SeededPool, first: int, review: int, client: TestClient
) -> None:
    served = client.delete(f"/api/v1/index-versions/{first}")
    assert (served.status_code, served.json()["code"]) == (409, "version-served")
    serve_new_version(settings, database, pool, vectors=two_heaps(3, 4))
    pinned = client.delete(f"/api/v1/index-versions/{first}")
    assert (pinned.status_code, pinned.json()["code"]) == (409, "version-pinned")
    assert pinned.json()["detail"].startswith("1 review keeps to this index version: move it over first")
    (_, listed) = client.get("/api/v1/pools/birds/index-versions").json()["items"]
    assert (listed["id"], listed["pinned_by"], listed["served"]) == (first, 1, False)
    assert listed["bytes"] > 1000
    assert client.put(f"/api/v1/reviews/{review}/index-version", json={}).status_code == 200
    removed = client.delete(f"/api/v1/index-versions/{first}")
    assert removed.status_code == 200
    assert removed.json()["removed_at"]
    assert not (settings.indexes / "birds-1").exists()
    assert client.delete(f"/api/v1/index-versions/{first}").json() == removed.json()
    back = client.put(f"/api/v1/reviews/{review}/index-version", json={"index_version": first})
    assert (back.status_code, back.json()["code"]) == (409, "version-removed")
    assert client.delete("/api/v1/index-versions/99").status_code == 404


def test_a_removed_or_lost_version_is_not_served_again(
    settings: Settings, database: Database, pool: SeededPool, pool_id: int, first: int, client: TestClient
) -> None:
    removed, lost = add_versions(settings, database, pool_id, 2)
    assert client.delete(f"/api/v1/index-versions/{removed}").status_code == 200
    for version, code in ((removed, "version-removed"), (lost, "version-lost")):
        answer = client.put("/api/v1/pools/birds/served", json={"index_version": version})
        assert (answer.status_code, answer.json()["code"]) == (409, code)
    with database.read() as session:
        assert session.scalars(select(Served.index_version_id)).one() == first


def test_a_review_that_rested_too_long_says_so_and_moves_over(
    settings: Settings,
    database: Database,
    pool: SeededPool,
    first: int,
    review: int,
    long_ago: LongAgo,
    client: TestClient,
) -> None:
    serve_new_version(settings, database, pool, vectors=two_heaps(3, 4))
    long_ago()
    assert client.delete(f"/api/v1/index-versions/{first}").status_code == 200
    # A server that has it mapped goes on with it; another one, or the same after a restart, cannot.
    with TestClient(create_app(settings), base_url="http://localhost", client=HERE) as later:
        answer = later.post(f"/api/v1/reviews/{review}/pages", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "pinned-index-gone")
        assert later.put(f"/api/v1/reviews/{review}/index-version", json={}).status_code == 200
        assert later.post(f"/api/v1/reviews/{review}/pages", json={}).json()["candidates"]


@both_databases
def test_a_move_there_and_back_is_written_down(
    settings: Settings, database: Database, pool: SeededPool, first: int, client: TestClient
) -> None:
    serve_new_version(settings, database, pool, vectors=two_heaps(3, 4))
    second = client.get("/api/v1/pools/birds/served").json()["index_version"]["id"]
    for version in (first, first, second):
        assert client.put("/api/v1/pools/birds/served", json={"index_version": version}).status_code == 200
    with database.read() as session:
        moves = session.scalars(select(JournalEntry).where(JournalEntry.act == "serve").order_by(JournalEntry.id)).all()
    assert [move.details for move in moves] == [{"from": second, "to": first}, {"from": first, "to": second}]
    assert all(move.person_id for move in moves)
