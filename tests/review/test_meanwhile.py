"""A class that is merged, or an index version that is removed, while somebody stores or starts something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any, TypeVar

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.db import Database
from app.errors import Conflict
from app.labels.merging import merge
from app.main import create_app
from app.pools.queries import pool_named
from app.registry.keeping import remove
from app.registry.queries import served_version
from app.review import page_queries
from app.settings import Settings
from app.tables import LabelClass, Page, Pool, now
from app.verdicts import journal
from tests.conftest import HERE
from tests.people import add_person, working
from tests.postgres import wait_until_held_up
from tests.review.conftest import commit, labels, shown
from tests.seeded import SeededPool, seed_pool, serve_new_version, two_heaps

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]
Found = TypeVar("Found")

either = pytest.mark.parametrize("classes_per_image", ["one", "several"])


@pytest.fixture
def classes_per_image() -> str:
    return "one"


@pytest.fixture
def pool(settings: Settings, database: Database, classes_per_image: str) -> SeededPool:
    return seed_pool(
        settings, database, vectors=two_heaps(60, 140), classes=("owl", "lark"), classes_per_image=classes_per_image
    )


def while_owls_become_larks(database: Database, do: Callable[[], Found]) -> Found:
    """Return what comes of something that is asked for in the middle of a merge."""
    with ThreadPoolExecutor(1) as other:
        with database.write() as session:
            merge(session, pool_id=pool_named(session, "birds").id, name="owl", into="lark", person_id=1)
            asked = other.submit(do)
            wait_until_held_up(database)
        return asked.result()


@contextmanager
def in_the_midst(
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    database: Database,
    *,
    when: Callable[..., bool] = lambda *_, **__: True,
) -> Iterator[Event]:
    """Stop the first one that has called a function until somebody else waits for a row; the event tells that it did.

    SQLite has one writer at a time, for whom all others wait anyway.
    """
    reached, real = Event(), getattr(module, name)

    def stopped(*arguments: Any, **options: Any) -> Any:
        found = real(*arguments, **options)
        if when(*arguments, **options) and not reached.is_set():
            reached.set()
            wait_until_held_up(database)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(module, name, stopped)
        yield reached


@either
def test_a_lot_that_is_accepted_during_a_merge_leaves_what_its_sample_rejected(
    client: TestClient, database: Database, start: Start
) -> None:
    lot = client.post(f"/api/v1/reviews/{start()['id']}/lots", json={"size": 150, "looks": 1}).json()
    page = client.get(f"/api/v1/pages/{lot['page']}").json()
    rejected = shown(page)[:20]
    commit(client, page, rejected=rejected)
    answer = while_owls_become_larks(database, lambda: client.post(f"/api/v1/lots/{lot['id']}/commit").json())
    assert (answer["accepted"], answer["skipped"]) == (90, 0)
    assert answer["labels"] == {"accepted": 130, "rejected": 20, "unsure": 0, "open": 0}
    assert labels(client, "reject") == set(rejected)


@either
def test_a_page_that_is_committed_during_a_merge_leaves_what_others_decided_of_the_other_class(
    client: TestClient, database: Database, start: Start, get_page: GetPage
) -> None:
    page = get_page(start())
    decided = shown(page)[:4]
    add_person(database, "ada", role="lead")
    with working(client, database, "ada"):
        body = {"images": decided, "verdict": "reject"}
        assert client.post("/api/v1/pools/birds/classes/lark/verdicts", json=body).status_code == 200
    answer = while_owls_become_larks(database, lambda: commit(client, page))
    assert (answer["accepted"], [told["image"] for told in answer["by_others"]]) == (6, decided)
    assert "merged" in answer["message"]
    assert answer["labels"] == {"accepted": 6, "rejected": 4, "unsure": 0, "open": 0}


@either
def test_a_commit_that_is_taken_back_during_a_merge_is_counted_for_the_class_that_is_left(
    client: TestClient, database: Database, start: Start, get_page: GetPage
) -> None:
    review = start()
    commit(client, get_page(review))
    last = get_page(review)
    commit(client, last)
    path = f"/api/v1/pages/{last['id']}/commit"
    answer = while_owls_become_larks(database, lambda: client.delete(path).json())
    assert answer["labels"] == {"accepted": 10, "rejected": 0, "unsure": 0, "open": 0}


def test_a_review_is_not_pinned_to_a_version_that_is_being_removed(
    client: TestClient, settings: Settings, database: Database, pool: SeededPool
) -> None:
    with database.read() as session:
        pool_id = pool_named(session, "birds").id
        old = served_version(session, pool_id=pool_id)
    assert old is not None

    body = {"class": "owl", "query": {"images": pool.images[:1]}}
    review = client.post("/api/v1/pools/birds/reviews", json=body).json()
    serve_new_version(settings, database, pool, vectors=two_heaps(60, 140))
    assert client.put(f"/api/v1/reviews/{review['id']}/index-version").status_code == 200
    path, back = f"/api/v1/reviews/{review['id']}/index-version", {"index_version": old.id}
    with ThreadPoolExecutor(1) as other:
        with database.write() as session:
            remove(session, settings, version_id=old.id, person_id=None)
            asked = other.submit(lambda: client.put(path, json=back))
            wait_until_held_up(database)
        answer = asked.result()
    assert (answer.status_code, answer.json()["code"]) == (Conflict.status, "version-removed")


def test_a_page_is_kept_while_another_one_is_asked_for(
    client: TestClient, database: Database, start: Start, get_page: GetPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = start()
    page = get_page(review)
    with database.write() as session:
        session.execute(update(Page).values(leased_until=now() + timedelta(seconds=60)))
    with in_the_midst(monkeypatch, page_queries, "page", database, when=lambda *_, lock=False, **__: lock) as reached:
        with ThreadPoolExecutor(1) as other:
            kept = other.submit(lambda: client.post(f"/api/v1/pages/{page['id']}/lease"))
            assert reached.wait(20)
            asked = client.post(f"/api/v1/reviews/{review['id']}/pages", json={"size": 10, "afresh": True})
        assert (kept.result().status_code, asked.status_code) == (200, 201)


def test_a_page_that_is_being_stored_is_not_set_aside(
    client: TestClient, database: Database, start: Start, get_page: GetPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = start()
    page = get_page(review)
    with in_the_midst(monkeypatch, journal, "store", database) as reached:
        with ThreadPoolExecutor(1) as other:
            stored = other.submit(lambda: commit(client, page))
            assert reached.wait(20)
            deeper = get_page(review, kind="deeper")
        assert stored.result()["accepted"] == 10
    told = client.get(f"/api/v1/reviews/{review['id']}").json()
    assert (told["last_committed_page"], len(told["pages"])) == (page["id"], 2)
    assert deeper["kind"] == "deeper"


@pytest.mark.databases("postgresql")
def test_whoever_waits_long_for_what_others_hold_is_told_so_and_tries_again(
    settings: Settings, database: Database, pool: SeededPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.main.PATIENCE_S", 0.2)
    app = create_app(settings)
    with TestClient(app, base_url="http://localhost", client=HERE, raise_server_exceptions=False) as client:
        body = {"class": "owl", "query": {"images": pool.images[:1]}}
        review = client.post("/api/v1/pools/birds/reviews", json=body).json()
        page = client.post(f"/api/v1/reviews/{review['id']}/pages", json={"size": 10}).json()
        with database.write() as session:
            # As whoever changes its rule does, for as long as that takes.
            session.execute(select(Pool.id).with_for_update())
            answer = client.post(f"/api/v1/pages/{page['id']}/commit", json={"key": "k"})
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert answer.headers["Retry-After"] == "1"
        assert client.post(f"/api/v1/pages/{page['id']}/commit", json={"key": "k"}).json()["accepted"] == 10
        # A commit that is stored is answered as such, though the page that was to follow has to wait.
        page = client.post(f"/api/v1/reviews/{review['id']}/pages", json={"size": 10}).json()
        with database.write() as session:
            session.execute(select(LabelClass.id).with_for_update(key_share=True))
            answer = client.post(f"/api/v1/pages/{page['id']}/commit", json={"next": {"size": 10}})
        assert (answer.status_code, answer.json()["accepted"], answer.json()["next"]) == (200, 10, None)


def test_more_people_than_connections_start_and_look_ahead_at_once(
    client: TestClient, database: Database, pool: SeededPool, run_out: Callable[[], None]
) -> None:
    body = {"class": "owl", "query": {"images": pool.images[:1]}}
    many = range(24)
    with ThreadPoolExecutor(len(many)) as people:
        started = list(people.map(lambda _: client.post("/api/v1/pools/birds/reviews", json=body), many))
        assert {answer.status_code for answer in started} == {201}
        pages = [client.post(f"/api/v1/reviews/{one.json()['id']}/pages", json={"size": 2}).json() for one in started]
        run_out()
        ahead = people.map(lambda page: client.post(f"/api/v1/pages/{page['id']}/ahead", json={}), pages)
        assert {answer.status_code for answer in ahead} == {200}
