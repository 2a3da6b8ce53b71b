"""The processes that answer requests: this one, or several that share its socket."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from functools import partial
from multiprocessing import connection, parent_process
from socket import socket

import typer
import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app import garbage
from app.cli.frame import log_to_stderr
from app.settings import Settings

# How long answers under way may take once the server is told to stop.
_TIME_TO_END_S = 10
# How long a connection stays on which nobody asks: longer than proxies keep theirs, a minute mostly, which would ask on
# one that ends at that moment; and than a page is looked at, so that what one process has foreseen is asked of it.
_IDLE_AT_MOST_S = 75
# One that loads FAISS on a busy machine is slow, not dead.
_SILENT_AT_MOST_S = 30


def answer_requests(settings: Settings, listener: socket) -> None:
    """Answer until a signal says stop; answers under way are finished. With several workers a dead one is replaced."""
    config = uvicorn.Config(
        partial(_app, settings),
        factory=True,
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_graceful_shutdown=_TIME_TO_END_S,
        timeout_keep_alive=_IDLE_AT_MOST_S,
        timeout_worker_healthcheck=_SILENT_AT_MOST_S,
    )
    if settings.workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
        return
    with tempfile.TemporaryDirectory(prefix="winnow-metrics-") as shared:
        # Where they count together: whichever of them a monitor reaches tells of all.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = shared
        several = Multiprocess(config, sockets=[listener])
        several.run()
    if any(process.exitcode == STARTUP_FAILURE for process in several.processes):
        raise typer.Exit(STARTUP_FAILURE)


def _app(settings: Settings) -> ASGIApp:
    """Return the app, in the process that will run it."""
    if parent_process() is not None:
        garbage.look_seldom()
        log_to_stderr(settings)
        threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    # FAISS and ONNX Runtime take a second that no other command, and nobody whose port is taken, should wait for.
    from app.main import create_app  # noqa: PLC0415

    return create_app(settings)


def _end_with_parent() -> None:
    """Stop in order when the parent is gone, even killed: others could not have its port otherwise."""
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
