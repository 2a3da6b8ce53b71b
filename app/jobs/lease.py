"""Keeps a running job in the hands that took it, and its progress fresh for whoever looks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Self

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.jobs import lifecycle, queries
from app.jobs.pace import Pace
from app.jobs.queries import JobLine, Progress

log = logging.getLogger(__name__)

# Often enough for a progress bar, seldom enough not to be felt by those who write at the same time.
WRITTEN_EVERY_S = 1.0

Watch = Callable[[Progress], None]


class Lease:
    """A thread that renews a job's lease from `with` to its end, and writes down what was last reported."""

    def __init__(self, database: Database, job: JobLine, *, watch: Watch | None = None) -> None:
        self.lost = False  # whether the job was stopped, or taken up by others because this process slept too long
        self._database = database
        self._job = job
        self._watch = watch
        self._news: Progress | None = None
        self._figures: dict[str, Any] | None = None
        # A pretraining measures its own pace, in images.
        self._pace = None if job.kind == lifecycle.PRETRAIN else Pace()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease of job {job.id}", daemon=True)

    def report(self, phase: str, done: int, total: int | None) -> None:
        """Say how far the work is; cheap, however often."""
        self._news = Progress(phase, done, total)
        if self._watch is not None:
            self._watch(self._news)

    def show(self, figures: dict[str, Any]) -> None:
        """Say what is measured; the figures given last are the job's."""
        self._figures = figures

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._has_news:
            self._renew()

    @property
    def _has_news(self) -> bool:
        return self._news is not None or self._figures is not None

    def _keep(self) -> None:
        renewed = time.monotonic()
        while not self._over.wait(WRITTEN_EVERY_S):
            overdue = time.monotonic() - renewed > lifecycle.RENEWED_AFTER.total_seconds()
            if self._has_news or overdue:
                self._renew()
                renewed = time.monotonic()

    def _renew(self) -> None:
        news, self._news = self._news, None
        figures, self._figures = self._figures, None
        if self._pace is not None and news is not None:
            figures = self._pace.figures(news.phase, news.done, news.total, at=time.monotonic())
        try:
            with self._database.write() as session:
                self.lost = not queries.renew(session, job=self._job, progress=news, figures=figures)
        except SQLAlchemyError as error:
            # A database that is away for a moment ends no work; if it stays away, the work's own writing fails.
            log.warning("The lease of job %s could not be renewed: %s", self._job.id, error)
