"""What a monitor reads, and who else may not."""

from __future__ import annotations

from urllib.request import urlopen

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.db import Database
from app.jobs import queries
from app.main import create_app
from app.settings import Settings
from tests.jobs.conftest import wait_for
from tests.processes import serving
from tests.seeded import SeededPool, seed_pool, two_heaps

THIS_MACHINE = ("127.0.0.1", 50000)
ELSEWHERE = ("192.0.2.7", 50000)


def values(text: str) -> dict[tuple[str, ...], float]:
    """The samples by name and labels' values."""
    families = text_string_to_metric_families(text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(10, 10))


def test_metrics_tell_of_requests_work_and_jobs(settings: Settings, database: Database, pool: SeededPool) -> None:
    with TestClient(create_app(settings), base_url="http://localhost", client=THIS_MACHINE) as client:
        before = values(client.get("/metrics").text)
        body = {"class": "owl", "query": {"images": pool.images[:1]}}
        review = client.post("/api/v1/pools/birds/reviews", json=body).json()["id"]
        page = client.post(f"/api/v1/reviews/{review}/pages", json={"size": 5}).json()["id"]
        client.post(f"/api/v1/pages/{page}/commit", json={})
        client.get("/api/v1/pages/404")
        client.request("MADE-UP", "/nowhere")
        with database.write() as session:
            queries.create(session, kind="reindex", pool_id=1, arguments={})
        assert isinstance(client.app, FastAPI)
        with client.app.state.database.read() as session:
            session.connection()
            after = values(client.get("/metrics").text)
    assert before["winnow_database_connections",] == 0
    assert after["winnow_database_connections",] == 1
    assert after["winnow_database_up",] == 1
    assert after["winnow_verdicts_total",] == 5
    assert after["winnow_pages_total",] == 1
    assert after["winnow_commits_total", "page"] == 1
    assert after["winnow_jobs", "reindex", "queued"] == 1
    assert after["winnow_index_rows", "birds"] == 20

    def counted(*sample: str) -> float:
        return after[sample] - before.get(sample, 0)

    commit = "/api/v1/pages/{page_id}/commit"
    assert counted("winnow_requests_total", "POST", commit, "200") == 1
    assert counted("winnow_request_seconds_count", "POST", commit) == 1
    assert counted("winnow_requests_total", "GET", "/api/v1/pages/{page_id}", "404") == 1
    assert counted("winnow_requests_total", "-", "-", "404") == 1
    assert not any("MADE-UP" in sample for sample in after)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_strangers_need_the_token(settings: Settings) -> None:
    def asked(settings: Settings, client: tuple[str, int], **headers: str) -> int:
        with TestClient(create_app(settings), base_url="http://localhost", client=client) as asking:
            return asking.get("/metrics", headers=headers).status_code

    assert asked(settings, THIS_MACHINE) == 200
    assert asked(settings, ELSEWHERE) == 403
    assert asked(settings, THIS_MACHINE, **{"X-Forwarded-For": "192.0.2.7"}) == 403
    proxied = settings.model_copy(update={"allowed_hosts": ("winnow.example",)})
    assert asked(proxied, THIS_MACHINE) == 200
    assert asked(proxied, THIS_MACHINE, Host="winnow.example") == 403
    locked = settings.model_copy(update={"metrics_token": "secret"})
    assert asked(locked, THIS_MACHINE) == 403
    assert asked(locked, ELSEWHERE, Authorization="Bearer wrong") == 403
    assert asked(locked, ELSEWHERE, Authorization="Bearer secret") == 200
    assert "secret" not in repr(locked)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_whichever_process_is_asked_tells_of_all(settings: Settings) -> None:
    with serving(settings, "--workers", "2") as server:
        wait_for(lambda: len(server.request_processes()) == 2)
        before = values(told(server.address))
        for _ in range(20):
            assert server.answers()
        sample = ("winnow_requests_total", "GET", "/api/v1/pools", "200")
        # A request is counted when its answer is on its way.
        wait_for(lambda: values(told(server.address))[sample] - before[sample] == 20)


def told(address: str) -> str:
    with urlopen(f"http://{address}/metrics", timeout=30) as answer:
        return str(answer.read().decode())
