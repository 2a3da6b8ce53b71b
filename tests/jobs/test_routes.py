import pytest

from app.jobs import queries
from app.pools.queries import create_pool
from tests.jobs.conftest import write_pictures


@pytest.fixture
def pool(database):
    with database.write() as session:
        return create_pool(session, name="cats")


def test_an_import_is_queued_and_followed(client, pool, tmp_path):
    folder = write_pictures(tmp_path / "pictures", 1)
    answer = client.post("/api/v1/pools/cats/imports", json={"folder": str(folder), "reindex": True})
    assert answer.status_code == 202
    job = client.get(f"/api/v1/jobs/{answer.json()['job']}").json()
    assert {key: job[key] for key in ("kind", "pool", "state", "phase", "done", "total", "error", "result")} == {
        "kind": "import",
        "pool": "cats",
        "state": "queued",
        "phase": None,
        "done": 0,
        "total": None,
        "error": None,
        "result": None,
    }
    assert client.get("/api/v1/pools/cats/jobs").json() == {"items": [job]}


def test_the_second_click_names_the_first_ones_job(client, pool):
    first = client.post("/api/v1/pools/cats/reindex")
    assert first.status_code == 202
    second = client.post("/api/v1/pools/cats/reindex", json={})
    assert second.status_code == 409
    assert second.headers["content-type"] == "application/problem+json"
    assert (second.json()["code"], second.json()["job"]) == ("already-running", first.json()["job"])
    assert f"job {first.json()['job']}" in second.json()["detail"]


def test_a_reindex_may_name_its_encoder(client, database, pool, settings):
    answer = client.post("/api/v1/pools/cats/reindex", json={"encoder": settings.encoder})
    with database.read() as session:
        assert queries.job(session, id=answer.json()["job"]).arguments == {"encoder": settings.encoder}


def test_an_encoder_that_is_not_there_is_refused_at_once(client, pool):
    answer = client.post("/api/v1/pools/cats/reindex", json={"encoder": "nope"})
    assert (answer.status_code, answer.json()["code"]) == (404, "encoder-not-found")
    assert client.get("/api/v1/pools/cats/jobs").json() == {"items": []}


def test_a_folder_outside_the_roots_is_forbidden(client, pool):
    answer = client.post("/api/v1/pools/cats/imports", json={"folder": "/usr/share"})
    assert (answer.status_code, answer.json()["code"]) == (403, "folder-not-allowed")
    assert client.get("/api/v1/pools/cats/jobs").json() == {"items": []}


def test_a_folder_that_is_not_there_is_told(client, pool, tmp_path):
    answer = client.post("/api/v1/pools/cats/imports", json={"folder": str(tmp_path / "nope")})
    assert (answer.status_code, answer.json()["code"]) == (422, "folder-unusable")


@pytest.mark.parametrize("path", ["/api/v1/pools/nope/reindex", "/api/v1/pools/nope/imports"])
def test_work_on_no_pool_is_not_found(client, path):
    answer = client.post(path, json={"folder": "/tmp"})
    assert (answer.status_code, answer.json()["code"]) == (404, "pool-not-found")


def test_a_job_that_is_not_there_is_not_found(client):
    answer = client.get("/api/v1/jobs/99")
    assert (answer.status_code, answer.json()["code"]) == (404, "job-not-found")
