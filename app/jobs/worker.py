"""The worker: takes one job after another in each lane and does it, until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.errors import AppError
from app.jobs import lifecycle, queries
from app.jobs.child import Stopped
from app.jobs.comparison import compare_in_a_child
from app.jobs.importing import import_in_a_child
from app.jobs.lifecycle import Kind
from app.jobs.logs import begin_attempt
from app.jobs.pretraining import pretrain
from app.jobs.queries import JobLine
from app.jobs.reindex import reindex
from app.jobs.work import Perform, carry_out
from app.settings import Settings

log = logging.getLogger(__name__)

PERFORM: dict[str, Perform] = {
    lifecycle.IMPORT: import_in_a_child,
    lifecycle.REINDEX: reindex,
    lifecycle.COMPARE: compare_in_a_child,
    lifecycle.PRETRAIN: pretrain,
}

LOOKED_EVERY_S = 0.5
_DATABASE_BACK_AFTER_S = 5.0


def work(database: Database, settings: Settings, *, stopping: threading.Event) -> None:
    """Do jobs, one of each lane at a time, until `stopping` is set; those in hand are then given back at once.

    No job's failure ends the worker.
    """
    with ThreadPoolExecutor(len(lifecycle.LANES), "lane") as threads:
        lanes = [threads.submit(_work, database, settings, kinds, stopping) for kinds in lifecycle.LANES]
        for lane in as_completed(lanes):
            # One that broke takes the others along: whoever keeps the worker alive starts a whole one.
            stopping.set()
            lane.result()


def _work(database: Database, settings: Settings, kinds: Sequence[Kind], stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            job = _next(database, kinds)
            if job is None:
                stopping.wait(LOOKED_EVERY_S)
            else:
                _do(database, settings, job, stopping)
        except SQLAlchemyError:
            log.exception("The database did not answer.")
            stopping.wait(_DATABASE_BACK_AFTER_S)


def _next(database: Database, kinds: Sequence[Kind]) -> JobLine | None:
    # A look takes no lock: those who write are not disturbed by a worker with nothing to do.
    with database.read() as session:
        if not queries.is_anything_free(session, kinds=kinds):
            return None
    with database.write() as session:
        job = queries.claim(session, kinds=kinds)
        if job is not None and lifecycle.is_worn_out(job.attempts):
            queries.fail(session, job=job, sentence=lifecycle.WORN_OUT)
            return None
        return job


def _do(database: Database, settings: Settings, job: JobLine, stopping: threading.Event) -> None:
    log.info("Job %s begins: %s of the pool “%s”.", job.id, job.kind, job.pool)
    begin_attempt(settings, job.id, attempt=job.attempts)
    try:
        carry_out(database, settings, job, PERFORM[job.kind], should_stop=stopping.is_set)
    except Stopped:
        log.info("Job %s is stopped.", job.id)
    except AppError as error:
        log.warning("Job %s failed: %s", job.id, error.sentence)
    except SQLAlchemyError:
        raise
    except Exception:
        log.exception("Job %s failed.", job.id)
    else:
        log.info("Job %s is done.", job.id)
