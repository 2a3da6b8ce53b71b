"""Databases that go away, disks that are full, folders that are gone: told in a sentence, nothing stored is lost."""

from __future__ import annotations

import io
import resource
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.db import Database
from app.jobs import queries
from app.jobs.worker import work
from app.main import create_app
from app.migrations import upgrade
from app.pools.errors import ThumbnailsNotKept
from app.pools.queries import create_pool
from app.pools.thumbnails import ThumbnailStore
from app.review.uploads import UploadNotKept, UploadStore
from app.settings import Settings
from app.tables import Commit, Label, Verdict
from tests.conftest import HERE
from tests.jobs.conftest import wait_for
from tests.postgres import Cluster
from tests.processes import Serving, serving
from tests.seeded import SeededPool, seed_pool, two_heaps

SIZE = 10


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL that may be stopped, as others use it no more."""
    folder = Path(tempfile.mkdtemp(prefix="winnow-postgres-"))
    cluster = Cluster(folder)
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(folder)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
@pytest.mark.usefixtures("looked_at_anew")
def test_a_database_that_goes_away_is_told_and_all_goes_on_when_it_is_back(
    cluster: Cluster, tmp_path: Path, how: signal.Signals
) -> None:
    settings = Settings(home=tmp_path, database_url=cluster.url)
    database = Database(settings.database)
    upgrade(database)
    pool = seed_pool(settings, database, vectors=two_heaps(20, 20))
    over = threading.Event()
    worker = threading.Thread(target=work, args=(database, settings), kwargs={"stopping": over})
    worker.start()
    try:
        with TestClient(
            create_app(settings), base_url="http://localhost", client=HERE, raise_server_exceptions=False
        ) as client:
            body = {"class": "owl", "query": {"images": pool.images[:1]}}
            review = client.post("/api/v1/pools/birds/reviews", json=body).json()["id"]
            page = client.post(f"/api/v1/reviews/{review}/pages", json={"size": SIZE}).json()["id"]
            asked = f"/api/v1/pages/{page}/commit", {"key": "one"}
            cluster.stop(how)
            for _ in range(2):
                answer = client.post(asked[0], json=asked[1])
                assert (answer.status_code, answer.json()["code"]) == (503, "database-silent")
                assert "The database does not answer" in answer.json()["detail"]
            assert client.get("/api/v1/health/live").status_code == 200
            assert client.get("/api/v1/health/ready").status_code == 503
            told = client.get("/metrics").text.splitlines()
            assert "winnow_database_up 0.0" in told
            assert any(line.startswith("winnow_requests_total{") and 'status="503"' in line for line in told)
            cluster.start()
            assert client.post(asked[0], json=asked[1]).status_code == 200
            assert client.get("/api/v1/health/ready").status_code == 200
            told = client.get("/metrics").text.splitlines()
            assert {"winnow_database_up 1.0", "winnow_database_connections 0.0"} <= set(told)
        with database.write() as session:
            empty = create_pool(session, name="empty")
            job = queries.create(session, kind="reindex", pool_id=empty.id, arguments={})

        def ended() -> bool:
            with database.read() as session:
                return queries.job(session, id=job.id).state == "failed"

        wait_for(ended)
    finally:
        over.set()
        worker.join()
        database.dispose()


def test_a_database_that_was_started_anew_meanwhile_is_noticed_by_nobody(cluster: Cluster, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=cluster.url)
    database = Database(settings.database)
    upgrade(database)
    with TestClient(create_app(settings), base_url="http://localhost", client=HERE) as client:
        # Both who asks and what is asked for have connections of their own by then.
        assert client.get("/api/v1/pools").status_code == 200
        cluster.stop()
        cluster.start()
        assert client.get("/api/v1/pools").status_code == 200
    database.dispose()


def counts(settings: Settings) -> tuple[int, int, int]:
    """How many commits, verdicts and labels are stored."""
    database = Database(settings.database)
    with database.read() as session:
        found = [session.scalars(select(func.count()).select_from(table)).one() for table in (Commit, Verdict, Label)]
    database.dispose()
    return found[0], found[1], found[2]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_on_a_full_disk_a_commit_is_stored_or_answered_with_an_error(settings: Settings, database: Database) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(300, 300))
    database.dispose()
    with serving(settings) as server:
        page = pages(server, pool)
        acknowledged = 0
        # No file may grow beyond what the largest has now and a little more.
        room = 16_384 + max(file.stat().st_size for file in settings.home.glob("winnow.db*"))
        _, free = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (room, free))
        for _turn in range(50):
            current = next(page)
            if current is None:
                break
            status, answer = server.ask("POST", f"/api/v1/pages/{current}/commit", {"key": "one"})
            if status != 200:
                assert (status, answer["code"]) == (503, "disk-full")
                break
            acknowledged += 1
        assert _turn < 49, "the disk was never full"
        assert counts(settings) == (acknowledged, acknowledged * SIZE, acknowledged * SIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (free, free))
        current = next(pages(server, pool))
        status, answer = server.ask("POST", f"/api/v1/pages/{current}/commit", {"key": "one"})
        assert status == 200, answer
    assert counts(settings)[1] == (acknowledged + 1) * SIZE


def pages(server: Serving, pool: SeededPool) -> Iterator[int | None]:
    """The pages of a new review; None where there is no room for another one."""
    body = {"class": "owl", "query": {"images": pool.images[:1]}}
    status, review = server.ask("POST", "/api/v1/pools/birds/reviews", body)
    assert status == 201, review
    while True:
        status, page = server.ask("POST", f"/api/v1/reviews/{review['id']}/pages", {"size": SIZE, "plant": False})
        if status >= 500:
            assert (status, page["code"]) == (503, "disk-full")
            yield None
        yield page["id"]


def picture() -> bytes:
    with closing(io.BytesIO()) as file:
        Image.new("RGB", (40, 40), "red").save(file, "PNG")
        return file.getvalue()


@pytest.mark.usefixtures("looked_at_anew")
def test_without_its_folders_winnow_says_so_and_commits_go_on(
    settings: Settings, database: Database, client: TestClient
) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(20, 20))
    body: dict[str, Any] = {"class": "owl", "query": {"images": pool.images[:1]}}
    review = client.post("/api/v1/pools/birds/reviews", json=body).json()["id"]
    page = client.post(f"/api/v1/reviews/{review}/pages", json={"size": SIZE}).json()["id"]
    store = UploadStore(settings.uploads, ThumbnailStore(settings.thumbnails), settings.max_pixels)
    # Rights do not hold root back; a file where a folder should be does.
    for name, error in (("thumbnails", ThumbnailsNotKept), ("uploads", UploadNotKept)):
        (settings.home / name).write_text("no folder")
        with pytest.raises(error):
            store.keep(picture())
        assert client.get(f"/api/v1/images/{pool.images[0]}/thumbnail").status_code == 404
        (settings.home / name).unlink()
    settings.indexes.rename(settings.home / "elsewhere")
    assert client.post(f"/api/v1/pages/{page}/commit", json={}).status_code == 200
    answer = client.get("/api/v1/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "index-gone")
    (settings.home / "elsewhere").rename(settings.indexes)
    assert client.get("/api/v1/health/ready").status_code == 200
    assert store.read(store.keep(picture())) == picture()
