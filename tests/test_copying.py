"""A database that moves house: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from starlette.testclient import TestClient

from app.cli.copying import TargetNotEmpty, TargetRefuses, copy
from app.db import Database
from app.jobs import queries
from app.main import create_app
from app.settings import Settings
from app.tables import LabelClass, Member, Person, Pool, Table, Token, Verdict
from tests.conftest import HERE
from tests.postgres import fresh_database
from tests.seeded import seed_pool, two_heaps


@pytest.fixture
def target(database: Database, tmp_path: Path, worker_id: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of the other engine in which there is nothing yet."""
    url = f"sqlite:///{tmp_path / 'target.db'}"
    if database.engine.dialect.name == "sqlite":
        url = fresh_database(request.getfixturevalue("postgres").url, f"{worker_id}_copy")
    target = Database(url)
    yield target
    target.dispose()


@pytest.fixture
def filled(settings: Settings, database: Database, client: TestClient) -> None:
    """Two people's work on a pool: pages with and without an undo, a correction, a merged class, a job."""
    pool = seed_pool(settings, database, vectors=two_heaps(30, 70), classes=("owl", "eagle owl", "lark"))
    review = client.post("/api/v1/pools/birds/reviews", json={"class": "owl", "query": {"images": pool.images[:1]}})
    for _ in range(3):
        page = client.post(f"/api/v1/reviews/{review.json()['id']}/pages", json={"size": 10}).json()
        shown = [candidate["image"] for candidate in page["candidates"]]
        commit = client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": shown[:2], "key": f"{page['id']}"})
        assert commit.status_code == 200
    client.delete(f"/api/v1/pages/{page['id']}/commit")
    client.post("/api/v1/pools/birds/classes/lark/verdicts", json={"images": pool.images[40:45], "verdict": "accept"})
    with database.write() as session:
        ada = Person(name="Ada", name_key="ada", admin=True)
        session.add(ada)
        session.flush()
        session.add(Member(pool_id=1, person_id=ada.id, role="engineer"))
        session.add(Token(person_id=ada.id, name="script", digest=64 * "a", role="engineer"))
        # The one that is named comes later in the order of ids.
        session.scalars(select(LabelClass).where(LabelClass.name == "owl")).one().merged_into_id = 2
        queries.create(session, kind="reindex", pool_id=1, arguments={"encoder": "é"})


def rows(database: Database) -> dict[str, list[object]]:
    with database.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in Table.metadata.sorted_tables
        }


def exports(settings: Settings, database: Database) -> list[bytes]:
    """The labels and the whole journal of a pool, as a server on this database gives them out."""
    url = database.engine.url.render_as_string(hide_password=False)
    with TestClient(
        create_app(settings.model_copy(update={"database_url": url})), base_url="http://localhost", client=HERE
    ) as client:
        wanted = ("labels", "verdicts")
        answers = [client.get("/api/v1/pools/birds/labels.csv", params={"rows": kind}) for kind in wanted]
        return [answer.content for answer in answers]


@pytest.mark.usefixtures("filled")
def test_everything_arrives_and_comes_back(
    settings: Settings, database: Database, target: Database, tmp_path: Path
) -> None:
    sums = copy(database, target, watch=lambda _: None)
    assert sums["verdict"].rows == 35
    assert rows(target) == rows(database)
    again = Database(f"sqlite:///{tmp_path / 'again.db'}")
    assert copy(target, again, watch=lambda _: None) == sums
    # Each export is written into the journal.
    before = exports(settings, database)
    assert before[0].count(b"\n") > 10
    assert exports(settings, target) == exports(settings, again) == before
    for moved in (target, again):
        with moved.write() as session:
            session.add(Pool(name="fish", name_key="fish"))  # under an id that is free
    again.dispose()


@pytest.mark.usefixtures("filled")
def test_a_database_that_holds_anything_stays_as_it_is(database: Database, target: Database) -> None:
    copy(database, target, watch=lambda _: None)
    with target.write() as session:
        session.execute(text("DELETE FROM token"))
    before = rows(target)
    for held in (target, database):
        with pytest.raises(TargetNotEmpty, match="nothing was copied"):
            copy(database, held, watch=lambda _: None)
    assert rows(target) == before


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("filled")
def test_what_the_other_database_does_not_take_leaves_it_empty(database: Database, target: Database) -> None:
    with database.write() as session:
        session.add(Pool(name="fish\0", name_key="fish"))
    with pytest.raises(TargetRefuses, match="a value of the table “pool”, so nothing was copied"):
        copy(database, target, watch=lambda _: None)
    with target.read() as session:
        assert session.scalars(select(Person.name)).all() == ["local"]
        assert session.scalars(select(Verdict.id)).all() == []
