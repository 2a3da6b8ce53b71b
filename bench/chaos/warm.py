"""Winnow's commands in fresh processes that have their libraries loaded already, so that a start costs no seconds.

Each is forked from a server of such processes. Apart from the interpreter's own start it is what `winnow` does.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from multiprocessing import connection, parent_process
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import app.cli
import app.main

_FORKING = multiprocessing.get_context("forkserver")


def start(arguments: list[str], *, environment: dict[str, str], log: Path) -> ForkServerProcess:
    """Start `winnow` with these arguments; it ends with this process."""
    _FORKING.set_forkserver_preload([__name__])
    process = _FORKING.Process(target=_run, args=(arguments, environment, log))
    process.start()
    return process


def _run(arguments: list[str], environment: dict[str, str], log: Path) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.update(environment)
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = ["winnow", *arguments]
    app.cli.main()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
