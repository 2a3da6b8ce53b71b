from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.db import Database
from app.jobs import lifecycle, queries
from app.jobs.lifecycle import IMPORT, REINDEX
from app.jobs.queries import AlreadyRunning, JobLine, Progress
from app.pools.queries import create_pool
from app.tables import Job, now


@pytest.fixture
def pool_id(database: Database) -> int:
    with database.write() as session:
        return create_pool(session, name="cats").id


def create(database: Database, pool_id: int, kind=REINDEX) -> JobLine:
    with database.write() as session:
        return queries.create(session, kind=kind, pool_id=pool_id, arguments={"a": 1})


def claim(database: Database) -> JobLine | None:
    with database.write() as session:
        return queries.claim(session)


def read(database: Database, job: JobLine) -> JobLine:
    with database.read() as session:
        return queries.job(session, id=job.id)


def let_the_lease_run_out(database: Database, job: JobLine) -> None:
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(lease_until=now() - timedelta(seconds=1)))


def test_a_job_waits_runs_and_ends(database, pool_id):
    job = create(database, pool_id)
    assert (job.state, job.pool, job.arguments) == ("queued", "cats", {"a": 1})
    held = claim(database)
    assert (held.id, held.state, held.attempts) == (job.id, "running", 1)
    with database.write() as session:
        assert queries.renew(session, job=held, progress=Progress("embed", 5, 9))
        assert queries.finish(session, job=held, result={"count": 9})
    ended = read(database, job)
    assert (ended.state, ended.phase, ended.done, ended.total, ended.result) == ("done", "embed", 5, 9, {"count": 9})
    assert ended.created_at <= ended.started_at <= ended.ended_at
    assert claim(database) is None


def test_two_clicks_make_one_job(database, pool_id):
    job = create(database, pool_id)
    with pytest.raises(AlreadyRunning, match=f"job {job.id}") as error:
        create(database, pool_id)
    assert error.value.more == {"job": job.id}


def test_clicks_at_the_same_moment_make_one_job(database, pool_id):
    def click(_: int) -> int:
        try:
            return create(database, pool_id).id
        except AlreadyRunning as error:
            return error.job.id

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(click, range(8)))) == 1
    with database.read() as session:
        assert len(queries.jobs_of(session, pool_id=pool_id)) == 1


def test_other_work_of_the_pool_is_another_job(database, pool_id):
    first, second = create(database, pool_id, REINDEX), create(database, pool_id, IMPORT)
    with database.read() as session:
        assert [job.id for job in queries.jobs_of(session, pool_id=pool_id)] == [second.id, first.id]


def test_what_has_ended_may_be_started_again(database, pool_id):
    create(database, pool_id)
    with database.write() as session:
        queries.fail(session, job=queries.claim(session), sentence="No.")
    assert create(database, pool_id).state == "queued"


def test_however_many_workers_ask_no_job_is_taken_twice(database):
    with database.write() as session:
        pools = [create_pool(session, name=f"pool {number}").id for number in range(24)]
    jobs = {create(database, pool_id).id for pool_id in pools}

    def work(_: int) -> list[int]:
        taken = []
        while (job := claim(database)) is not None:
            taken.append(job.id)
        return taken

    with ThreadPoolExecutor(4) as threads:
        taken = [job_id for ids in threads.map(work, range(4)) for job_id in ids]
    assert sorted(taken) == sorted(jobs)


def test_the_oldest_job_comes_first(database, pool_id):
    first = create(database, pool_id, REINDEX)
    create(database, pool_id, IMPORT)
    assert claim(database).id == first.id


def test_a_job_is_nobody_elses_until_its_lease_runs_out(database, pool_id):
    job = create(database, pool_id)
    claim(database)
    assert claim(database) is None
    let_the_lease_run_out(database, job)
    assert (again := claim(database)).id == job.id
    assert again.attempts == 2


def test_who_lost_a_job_cannot_end_it(database, pool_id):
    job = create(database, pool_id)
    sleeper = claim(database)
    let_the_lease_run_out(database, job)
    claim(database)
    with database.write() as session:
        assert not queries.renew(session, job=sleeper, progress=None)
        assert not queries.fail(session, job=sleeper, sentence="No.")
        assert not queries.give_back(session, job=sleeper)
    assert read(database, job).state == "running"


def test_a_job_given_back_has_lost_nothing(database, pool_id):
    create(database, pool_id)
    for _ in range(2 * lifecycle.MOST_ATTEMPTS):
        held = claim(database)
        assert held.attempts == 1
        with database.write() as session:
            assert queries.give_back(session, job=held)


def test_work_in_a_terminal_takes_over_from_a_killed_one(database, pool_id):
    with database.write() as session:
        killed = queries.start(session, kind=IMPORT, pool_id=pool_id, arguments={})
    with pytest.raises(AlreadyRunning), database.write() as session:
        queries.start(session, kind=IMPORT, pool_id=pool_id, arguments={})
    let_the_lease_run_out(database, killed)
    with database.write() as session:
        job = queries.start(session, kind=IMPORT, pool_id=pool_id, arguments={})
    assert (job.state, job.attempts) == ("running", 1)
    assert (read(database, killed).state, read(database, killed).error) == ("failed", lifecycle.INTERRUPTED)
    assert claim(database) is None


def test_a_clock_that_is_put_back_holds_no_job_up(database, pool_id):
    job = create(database, pool_id)
    killed = claim(database)
    with database.write() as session:
        # An hour ago by the clock's new time.
        session.execute(update(Job).values(lease_until=now() + timedelta(hours=1)))
    taken = claim(database)
    assert taken.id == job.id
    with database.write() as session:
        assert not queries.finish(session, job=killed, result={}), "whoever held it before learns of it"
    assert claim(database) is None
