"""`winnow worker`: long work, beside a server or alone; it loads nothing that answers requests."""

from __future__ import annotations

import signal
import threading

from app.cli.frame import log_to_stderr, opened_database, read_settings
from app.jobs.child import when_stdin_ends
from app.jobs.worker import work


def worker() -> None:
    """Do long work, one job after another, until told to stop; the job in hand is then given back."""
    settings = read_settings()
    log_to_stderr(settings)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    when_stdin_ends(stopping.set)
    with opened_database(settings) as database:
        work(database, settings, stopping=stopping)
