"""The worker: takes one job after another and does it, until it is told to stop."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.errors import AppError
from app.jobs import lifecycle, queries
from app.jobs.child import Stopped
from app.jobs.imports import import_in_a_child
from app.jobs.queries import JobLine
from app.jobs.reindex import reindex
from app.jobs.work import Perform, carry_out
from app.settings import Settings

log = logging.getLogger(__name__)

PERFORM: dict[str, Perform] = {lifecycle.IMPORT: import_in_a_child, lifecycle.REINDEX: reindex}

LOOKED_EVERY_S = 0.5
_DATABASE_BACK_AFTER_S = 5.0


def work(database: Database, settings: Settings, *, stopping: threading.Event) -> None:
    """Do jobs until `stopping` is set; the one in hand is then given back at once, to be taken up again.

    No job's failure ends the worker.
    """
    while not stopping.is_set():
        try:
            job = _next(database)
            if job is None:
                stopping.wait(LOOKED_EVERY_S)
            else:
                _do(database, settings, job, stopping)
        except SQLAlchemyError:
            log.exception("The database did not answer.")
            stopping.wait(_DATABASE_BACK_AFTER_S)


def _next(database: Database) -> JobLine | None:
    # A look takes no lock: those who write are not disturbed by a worker with nothing to do.
    with database.read() as session:
        if not queries.is_anything_free(session):
            return None
    with database.write() as session:
        job = queries.claim(session)
        if job is not None and lifecycle.is_worn_out(job.attempts):
            queries.fail(session, job=job, sentence=lifecycle.WORN_OUT)
            return None
        return job


def _do(database: Database, settings: Settings, job: JobLine, stopping: threading.Event) -> None:
    log.info("Job %s begins: %s of the pool “%s”.", job.id, job.kind, job.pool)
    try:
        carry_out(database, settings, job, PERFORM[job.kind], should_stop=stopping.is_set)
    except Stopped:
        log.info("Job %s is given back.", job.id)
    except AppError as error:
        log.warning("Job %s failed: %s", job.id, error.sentence)
    except SQLAlchemyError:
        raise
    except Exception:
        log.exception("Job %s failed.", job.id)
    else:
        log.info("Job %s is done.", job.id)
