"""Values that no database takes, and readers that never finish: an answer with a sentence, and nobody else waits."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import EXPORTS_AT_ONCE, Database, TooManyExports
from app.settings import Settings
from app.tables import Pool
from tests.seeded import seed_pool, two_heaps

HUGE = "9" * 20
API = "/api/v1"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"{API}/reviews/{HUGE}", None),
        ("GET", f"/reviews/{HUGE}", None),
        ("GET", f"{API}/pages/{HUGE}", None),
        ("POST", f"{API}/reviews/{HUGE}/pages", {}),
        ("GET", f"{API}/jobs/{HUGE}", None),
        ("DELETE", f"{API}/commits/{HUGE}", None),
        ("PUT", f"{API}/pools/birds/served", {"index_version": int(HUGE)}),
        ("GET", f"{API}/pools/birds/classes/owl/images?after={HUGE}", None),
        ("GET", f"{API}/pools/birds/labels.csv?since=0001-01-01T00:00:00%2B14:00", None),
        ("GET", f"{API}/pools/birds/labels.csv?until=9999-12-31T23:59:59-14:00", None),
        ("GET", f"{API}/pools/birds/labels.csv?person=%00", None),
        ("GET", f"{API}/pools/birds/labels.csv?class=%00", None),
        ("GET", f"{API}/pools/a%00b", None),
        ("GET", "/pools/%00", None),
        ("GET", f"{API}/pools/birds/images?path=a%00b", None),
        ("POST", f"{API}/pools/birds/reviews", {"class": "a\0", "query": {"images": ["0" * 64]}}),
        ("POST", f"{API}/pools/birds/imports", {"folder": "/root/\ud800"}),
        ("POST", f"{API}/pools/birds/imports", {"folder": "/root/\0"}),
        ("POST", f"{API}/pools", {"name": "\ud800"}),
        ("POST", f"{API}/pools", {"name": "\u200b"}),
        ("POST", f"{API}/pools", {"name": "a\u202eb"}),
        ("POST", f"{API}/pools", {"name": "＝1+1"}),  # noqa: RUF001  # a wide equals sign, on purpose
    ],
)
def test_odd_values_are_answered_with_a_sentence(
    settings: Settings, database: Database, client: TestClient, method: str, path: str, body: Any
) -> None:
    seed_pool(settings, database, vectors=two_heaps(2, 2))
    # In ASCII, as JSON may be: so half a surrogate pair can be sent at all.
    content = None if body is None else json.dumps(body)
    answer = client.request(method, path, content=content, headers={"Content-Type": "application/json"})
    # On SQLite a null byte is a character like any other, and nothing is found by it.
    assert answer.status_code in {200, 404, 422}, answer.text
    assert "Traceback" not in answer.text
    if answer.status_code != 200:
        assert answer.json()["detail"].endswith(".")


def test_a_key_with_a_null_byte_stores_nothing_or_everything(
    settings: Settings, database: Database, client: TestClient
) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(3, 3))
    start = {"class": "owl", "query": {"images": pool.images[:1]}}
    review = client.post(f"{API}/pools/birds/reviews", json=start).json()
    page = client.post(f"{API}/reviews/{review['id']}/pages", json={"size": 2}).json()
    answer = client.post(f"{API}/pages/{page['id']}/commit", json={"key": "a\0"})
    stored = client.get(f"{API}/pools/birds/labels.csv").headers["X-Winnow-Rows"]
    assert (answer.status_code, stored) in {(200, "2"), (422, "0")}


def test_a_malformed_origin_is_a_foreign_one(client: TestClient) -> None:
    assert client.post(f"{API}/pools", json={"name": "a"}, headers={"Origin": "http://["}).status_code == 403


def test_a_body_that_is_not_json_is_told_so(client: TestClient) -> None:
    answer = client.post(f"{API}/pools", content='{"name":', headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["detail"]) == (422, "The body of the request is not JSON.")


def test_answers_of_the_api_are_not_kept_by_browsers(client: TestClient) -> None:
    assert client.get(f"{API}/pools").headers["Cache-Control"] == "no-store"


def test_slow_exports_take_no_connection_from_others(database: Database) -> None:
    with ExitStack() as exports:
        for _ in range(EXPORTS_AT_ONCE):
            exports.enter_context(database.export()).execute(select(Pool)).all()
        with pytest.raises(TooManyExports), database.export():
            pass
        with database.read() as session:
            assert session.scalars(select(Pool)).all() == []
    with database.export() as session:
        assert session.scalars(select(Pool)).all() == []
