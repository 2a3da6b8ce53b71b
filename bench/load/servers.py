"""The processes under load: PostgreSQL or none, several web processes, and a worker at the lowest priority."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.postgres import Cluster

_PATIENCE_S = 120


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL of its own, as Debian would set it up: every commit reaches the disk. Yield its URL."""
    folder = Path(tempfile.mkdtemp(prefix="winnow-load-"))
    cluster = Cluster(folder, durable=True)
    cluster.start()
    try:
        yield cluster.url
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def web(environment: dict[str, str], *, workers: int) -> Iterator[str]:
    """Run so many web processes on one port; yield the address. What they log is kept in the home."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    arguments = ["--port", str(port), "--workers", str(workers), "--no-worker"]
    url = f"http://127.0.0.1:{port}"
    with _running([sys.executable, "-m", "app.cli", "serve", *arguments], environment, "web.log") as server:
        _wait_until(lambda: _answers(url), server)
        yield url


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[None]:
    """Run a worker, and all that it starts, behind everything else on this machine."""
    with _running(["nice", "-n", "19", sys.executable, "-m", "app.cli", "worker"], environment, "worker.log"):
        yield


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: str) -> Iterator[subprocess.Popen[bytes]]:
    with (Path(environment["WINNOW_HOME"]) / log).open("ab") as output:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_until(ready: object, process: subprocess.Popen[bytes]) -> None:
    assert callable(ready)
    deadline = time.monotonic() + _PATIENCE_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("A process did not start.")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/api/v1/health", timeout=5):
            return True
    except (URLError, OSError):
        return False
