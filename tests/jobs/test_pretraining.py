"""A pretraining as a job: what it shows, how it stops and goes on, and what becomes of its milestones."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.jobs import lifecycle, pretraining, queries
from app.jobs.child import ChildFailed, Stopped, environment_for
from app.jobs.imports import import_here
from app.jobs.lifecycle import IMPORT, PRETRAIN
from app.jobs.logs import end_of_log
from app.jobs.pretraining import pretrain
from app.jobs.recipes import TrainersMissing
from app.jobs.runs import encoders_of, run_named
from app.jobs.watching import duration, watched
from app.jobs.work import carry_out
from app.tables import Job, now
from tests.jobs.conftest import processes_that_name, wait_for, write_pictures
from tests.jobs.trainer import install_trainer


@pytest.fixture
def trainer(monkeypatch, tmp_path):
    for name, value in install_trainer(tmp_path / "trainer").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(pretraining, "require_trainers", lambda: None)


@pytest.fixture
def pool(imported):
    return imported(5)


@pytest.fixture
def queue(database, pool):
    def queue(epochs=4, init=None, name="stripes-1"):
        arguments = {"name": name, "recipe": "smoke", "changes": [f"training.epochs={epochs}"], "init": init}
        arguments |= {"images": 5, "epochs": epochs}
        with database.write() as session:
            return queries.create(session, kind=PRETRAIN, pool_id=pool.id, arguments=arguments).id

    return queue


@pytest.fixture
def job(database):
    def read(job_id):
        with database.read() as session:
            return queries.job(session, id=job_id)

    return read


@pytest.fixture
def do(database, settings):
    """Claim the job that waits and do it here."""

    def do(**more):
        with database.write() as session:
            held = queries.claim(session, kinds=[PRETRAIN])
        return carry_out(database, settings, held, pretrain, **more)

    return do


def test_a_run_shows_its_figures_and_its_milestones_become_encoders(settings, trainer, queue, do, job):
    job_id = queue(epochs=5)
    result = do()
    assert result == {"epochs": 5, "encoders": [f"stripes-1-epoch-{epoch:04d}" for epoch in (2, 4, 5)]}
    ended = job(job_id)
    assert (ended.state, ended.phase, ended.done, ended.total) == ("done", "pretrain", 5, 5)
    assert (ended.figures["epoch"], ended.figures["loss"]) == (5, 1)
    assert ended.figures["judged"] == [
        {"epoch": epoch, "loss": 5 / epoch, "rank_me": 10 + epoch} for epoch in (2, 4, 5)
    ]
    assert [encoder.manifest.epochs for encoder in encoders_of(settings, "stripes-1")] == [2, 4, 5]

    seen = watched(settings, ended)
    assert dict(seen.facts) == {"epoch": "5.0 of 5", "loss": "1", "rate": "0.002"}
    assert [curve.told for curve in seen.curves] == [
        "loss: from 2.5 at epoch 2 to 1 at epoch 5",
        "RankMe: from 12 at epoch 2 to 15 at epoch 5",
    ]
    assert seen.milestones[-1].measured == [("loss", "1"), ("RankMe", "15")]
    assert seen.notes == ["It sees 5 images, from epoch 0.", "It writes to runs/stripes-1."]
    assert "a line of the log" in end_of_log(settings, job_id, most_bytes=1000)


def test_milestones_become_encoders_while_the_training_goes_on(settings, trainer, queue, do, job, monkeypatch):
    monkeypatch.setenv("STAYS_AT", "3")
    job_id = queue(epochs=4)
    stopping = threading.Event()
    doing = in_a_thread(do, should_stop=stopping.is_set)
    wait_for(lambda: encoders_of(settings, "stripes-1"))
    assert job(job_id).state == "running"
    stopping.set()
    assert isinstance(doing.exception(timeout=10), Stopped)
    assert (job(job_id).state, job(job_id).attempts) == ("queued", 0)


def in_a_thread(function, **arguments):
    threads = ThreadPoolExecutor(1)
    future = threads.submit(function, **arguments)
    threads.shutdown(wait=False)
    return future


def test_a_milestone_that_a_killed_worker_left_becomes_an_encoder_once(settings, trainer, queue, do, database):
    queue(epochs=4)
    run = run_named(settings, "stripes-1")
    (run.folder / "milestones").mkdir(parents=True)
    (run.folder / "milestones" / "epoch-0002.ckpt").write_text("2")
    (run.folder / "last.ckpt").write_text("2")
    do()
    made = {line.name: line.manifest.created_at for line in encoders_of(settings, "stripes-1")}
    assert list(made) == ["stripes-1-epoch-0002", "stripes-1-epoch-0004"]


def test_a_run_that_is_stopped_goes_on_when_it_is_resumed(settings, trainer, queue, do, job, client, monkeypatch):
    monkeypatch.setenv("STAYS_AT", "3")
    job_id = queue(epochs=4)
    doing = in_a_thread(do)
    wait_for(lambda: (job(job_id).figures or {}).get("step", 0) == 2)
    assert client.delete(f"/api/v1/jobs/{job_id}").json()["state"] == "stopped"
    assert isinstance(doing.exception(timeout=10), Stopped)
    assert not processes_that_name(str(settings.runs))
    assert (job(job_id).state, job(job_id).error) == ("stopped", None)

    assert client.post(f"/api/v1/jobs/{job_id}/resume").json() == {"job": job_id}
    do()
    assert job(job_id).state == "done"
    assert "It sees 5 images, from epoch 2." in job(job_id).figures["notes"]


def test_a_run_goes_on_with_the_images_it_began_with_wherever_they_lie(
    settings, trainer, queue, do, database, pool, monkeypatch
):
    monkeypatch.setenv("DIES_AFTER", "1")
    job_id = queue(epochs=2)
    with pytest.raises(ChildFailed):
        do()
    began = _listed(settings)
    moved = pool.folder.rename(pool.folder.with_name("moved"))
    write_pictures(moved, 8)
    import_here(database, settings, pool_id=pool.id, folder=moved, report=lambda *_: None)
    with database.write() as session:
        queries.resume(session, id=job_id)
    do()
    again = _listed(settings)
    assert [image["id"] for image in again] == [image["id"] for image in began]
    assert {image["path"].rpartition("/")[0] for image in again} == {str(moved)}


def test_a_run_that_gets_further_is_never_given_up(queue, database):
    queue()
    for epoch in range(1, 2 * lifecycle.MOST_ATTEMPTS):
        with database.write() as session:
            held = queries.claim(session)
            assert not lifecycle.is_worn_out(held.attempts)
            assert queries.renew(session, job=held, progress=None, figures={"step": epoch})
            session.execute(update(Job).values(lease_until=now() - timedelta(seconds=1)))


def test_a_run_that_dies_at_the_same_step_each_time_is_given_up(queue, database):
    queue()
    attempts = []
    for _ in range(lifecycle.MOST_ATTEMPTS + 2):
        with database.write() as session:
            held = queries.claim(session)
            attempts.append(held.attempts)
            queries.renew(session, job=held, progress=None, figures={"step": 7})
            session.execute(update(Job).values(lease_until=now() - timedelta(seconds=1)))
    assert lifecycle.is_worn_out(attempts[-1])


def test_without_torch_the_job_says_what_to_install(queue, do, job, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    job_id = queue()
    with pytest.raises(TrainersMissing):
        do()
    assert "pip install" in job(job_id).error


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_long_pretraining_holds_no_import_up(
    settings, trainer, queue, job, database, imported, monkeypatch, tmp_path
):
    monkeypatch.setenv("STAYS_AT", "2")
    training = queue()
    other = imported(1, name="others")
    with database.write() as session:
        arguments = {"folder": str(write_pictures(tmp_path / "others", 3, seed=1)), "reindex": True}
        importing = queries.create(session, kind=IMPORT, pool_id=other.id, arguments=arguments).id
    with subprocess.Popen([sys.executable, "-m", "app.cli", "worker"], env=environment_for(settings)) as worker:
        try:
            wait_for(lambda: job(training).figures)
            wait_for(lambda: job(importing).ended_at)
            wait_for(lambda: job(job(importing).result["reindex"]).ended_at)
            assert job(training).state == "running"
        finally:
            worker.terminate()
            assert worker.wait(timeout=15) == 0
    assert job(training).state == "queued"
    assert not processes_that_name(str(settings.runs))


def test_times_are_told_in_two_units():
    assert [duration(seconds) for seconds in (5, 90, 7300, 200_000)] == ["1 min", "2 min", "2 h 2 min", "2 d 7 h"]


def _listed(settings):
    lines = (settings.runs / "stripes-1" / "images.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]
