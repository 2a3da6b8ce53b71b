"""Winnow's own processes, as an operator starts and kills them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from app.jobs.child import environment_for
from app.settings import Settings
from tests.jobs.conftest import wait_for


class Serving:
    """`winnow serve` without a worker, on a port of its own; `address` is `host:port`."""

    def __init__(self, settings: Settings, *arguments: str, **environment: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--no-worker", *arguments]
        self._environment = {**environment_for(settings), **environment}
        self.log = settings.home / "serve.log"
        self.start()

    def start(self) -> None:
        """Return when it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or self.answers())
        assert self.process.poll() is None, self.log.read_text()

    def answers(self, path: str = "/api/v1/pools") -> bool:
        """Whether the server answers well at all."""
        with suppress(OSError), urlopen(f"http://{self.address}{path}", timeout=10):
            return True
        return False

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and the JSON of one answer, on a connection of its own."""
        with closing(HTTPConnection(self.address, timeout=60)) as connection:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or "null")

    def request_processes(self) -> list[int]:
        """The ids of the processes that answer requests beneath this one."""
        return [pid for pid in children_of(self.process.pid) if "spawn_main" in command_of(pid)]


@contextmanager
def serving(settings: Settings, *arguments: str, **environment: str) -> Iterator[Serving]:
    """Yield a server that answers; at the end it is gone."""
    server = Serving(settings, *arguments, **environment)
    try:
        yield server
    finally:
        server.process.terminate()
        try:
            server.process.wait(20)
        except subprocess.TimeoutExpired:
            server.process.kill()


def children_of(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")  # one for each thread
    return [int(child) for list_ in lists for child in list_.read_text().split()]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that ended and that nobody has asked about yet is not alive either.
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
