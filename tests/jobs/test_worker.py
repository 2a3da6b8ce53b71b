import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import numpy as np
import pytest
from sqlalchemy import update

from app.jobs import lifecycle, queries
from app.jobs.child import Stopped, environment_for
from app.jobs.lifecycle import IMPORT, REINDEX
from app.jobs.reindex import reindex
from app.jobs.work import carry_out
from app.registry.queries import served_version
from app.tables import Job, now
from tests.conftest import one_database
from tests.jobs.conftest import processes_that_name, wait_for, write_pictures

# Enough for a few seconds of embedding by the encoder that comes along, so that there is a middle to be killed in.
MANY = 300
SLOW = "simclr-resnet18-96"


@pytest.fixture
def worker(settings):
    """Start a real worker process; whatever the test does, it is gone at its end."""

    @contextmanager
    def worker() -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "app.cli", "worker"]
        with subprocess.Popen(command, env=environment_for(settings)) as process:
            try:
                yield process
            finally:
                process.kill()

    return worker


@pytest.fixture
def job(database):
    def read(job_id):
        with database.read() as session:
            return queries.job(session, id=job_id)

    return read


@pytest.fixture
def queue(database):
    def queue(kind, pool_id, **arguments):
        with database.write() as session:
            return queries.create(session, kind=kind, pool_id=pool_id, arguments=arguments).id

    return queue


@pytest.fixture
def vectors_on_disk(settings):
    """Count the vectors that a running reindex has gathered in finished shards."""

    def count() -> int:
        shards = settings.vectors.glob("*/vectors/shard-*.npz")
        return sum(len(np.load(shard)["digests"]) for shard in shards)

    return count


def test_a_queued_import_is_done_and_its_reindex_too(settings, database, worker, job, queue, tmp_path, imported):
    pool = imported(2)
    write_pictures(pool.folder, 5, seed=1)
    job_id = queue(IMPORT, pool.id, folder=str(pool.folder), reindex=True)
    with worker():
        wait_for(lambda: job(job_id).ended_at)
        assert (job(job_id).state, job(job_id).result["new"]) == ("done", 5)
        following = job(job_id).result["reindex"]
        wait_for(lambda: job(following).ended_at)
    assert (job(following).state, job(following).error) == ("done", None)
    with database.read() as session:
        # The first two pictures were overwritten: they are named, and not in the index.
        assert served_version(session, pool_id=pool.id).count == 5


@one_database
def test_a_failing_childs_sentence_reaches_the_job(worker, job, queue, imported, tmp_path):
    pool = imported(1)
    job_id = queue(IMPORT, pool.id, folder=str(tmp_path / "nope"))
    with worker():
        wait_for(lambda: job(job_id).ended_at)
    assert job(job_id).state == "failed"
    # Members of the pool may read it; where folders lie is for engineers.
    assert job(job_id).error == "There is no folder “nope”."


@one_database
def test_a_killed_workers_job_goes_on_where_it_was(settings, database, worker, job, queue, imported, vectors_on_disk):
    pool = imported(MANY)
    job_id = queue(REINDEX, pool.id, encoder=SLOW)
    with worker() as process:
        wait_for(vectors_on_disk)
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(lambda: not processes_that_name(str(settings.vectors)), within_s=5)
    kept = vectors_on_disk()
    assert job(job_id).state == "running"
    assert 0 < kept < MANY, "it was killed in the middle"
    with database.write() as session:
        assert queries.claim(session) is None
        session.execute(update(Job).values(lease_until=now() - timedelta(seconds=1)))
    with database.write() as session:
        again = queries.claim(session)
    assert (again.id, again.attempts) == (job_id, 2)

    seen = []
    carry_out(database, settings, again, reindex, watch=seen.append)
    assert seen[0].phase == "embed"
    assert seen[0].done >= kept, "what was finished is not done again"
    assert (job(job_id).state, job(job_id).result["count"]) == ("done", MANY)


@one_database
def test_a_worker_that_is_told_to_stop_gives_its_job_back(settings, worker, job, queue, imported, vectors_on_disk):
    pool = imported(MANY)
    job_id = queue(REINDEX, pool.id, encoder=SLOW)
    with worker() as process:
        wait_for(lambda: job(job_id).phase == "embed")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert not processes_that_name(str(settings.vectors))
    assert (job(job_id).state, job(job_id).attempts, job(job_id).error) == ("queued", 0, None)


def test_a_job_that_takes_its_worker_down_each_time_is_given_up(database, worker, job, queue, imported):
    pool = imported(1)
    job_id = queue(REINDEX, pool.id)
    with database.write() as session:
        lost = {"state": "running", "attempts": lifecycle.MOST_ATTEMPTS, "lease_until": now() - timedelta(seconds=1)}
        session.execute(update(Job).values(**lost))
    with worker():
        wait_for(lambda: job(job_id).ended_at)
    assert (job(job_id).state, job(job_id).error) == ("failed", lifecycle.WORN_OUT)


def test_a_running_jobs_lease_is_renewed(database, settings, job, imported):
    pool = imported(1)
    with database.write() as session:
        held = queries.start(session, kind=REINDEX, pool_id=pool.id, arguments={})

    def perform(work):
        work.report("counting", 1, 2)
        wait_for(lambda: job(held.id).lease_until > held.lease_until)
        assert (job(held.id).phase, job(held.id).done, job(held.id).total) == ("counting", 1, 2)
        work.report("counting", 2, 2)
        return {}

    carry_out(database, settings, held, perform)
    assert (job(held.id).state, job(held.id).done) == ("done", 2)


def test_work_stops_when_somebody_else_has_taken_its_job_up(database, settings, job, imported):
    pool = imported(1)
    with database.write() as session:
        held = queries.start(session, kind=REINDEX, pool_id=pool.id, arguments={})

    def perform(work):
        with database.write() as session:
            session.execute(update(Job).values(lease_until=now() - timedelta(seconds=1)))
        with database.write() as session:
            assert queries.claim(session).id == held.id
        work.report("counting", 1, 2)
        wait_for(work.should_stop)
        return {}

    carry_out(database, settings, held, perform)
    assert (job(held.id).state, job(held.id).attempts) == ("running", 2)


def test_a_bug_is_told_without_its_words(database, settings, job, imported):
    pool = imported(1)
    with database.write() as session:
        held = queries.start(session, kind=REINDEX, pool_id=pool.id, arguments={})
    with pytest.raises(ZeroDivisionError):
        carry_out(database, settings, held, lambda work: {"count": 1 // 0})
    assert (job(held.id).state, job(held.id).error) == ("failed", lifecycle.UNEXPECTED)


def test_work_in_a_terminal_ends_when_a_browser_stops_it(database, settings, job, imported):
    pool = imported(1)
    with database.write() as session:
        held = queries.start(session, kind=IMPORT, pool_id=pool.id, arguments={})

    def perform(work):
        with database.write() as session:
            queries.stop(session, id=held.id)
        for number in count():
            work.report_or_stop("read", number, None)
            time.sleep(0.05)

    with pytest.raises(Stopped):
        carry_out(database, settings, held, perform)
    assert (job(held.id).state, job(held.id).error) == ("stopped", None)


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_reindex_that_is_stopped_ends_its_child_and_leaves_nothing_half_built(
    settings, worker, job, queue, imported, client
):
    pool = imported(MANY)
    job_id = queue(REINDEX, pool.id, encoder=SLOW)
    # What an index process leaves that is ended in the middle.
    draft = settings.indexes / ".winnow-draft-abandoned"
    draft.mkdir(parents=True)
    with worker():
        wait_for(lambda: job(job_id).phase == "embed")
        assert client.delete(f"/api/v1/jobs/{job_id}").json()["state"] == "stopped"
        wait_for(lambda: not processes_that_name(str(settings.vectors)))
        wait_for(lambda: not draft.exists())
    assert (job(job_id).state, job(job_id).error) == ("stopped", None)
    assert not list(settings.indexes.iterdir())
    assert "attempt 1 begins" in client.get(f"/api/v1/jobs/{job_id}/log").text
