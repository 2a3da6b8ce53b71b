"""A real server in a process of its own, which can be killed and started again."""

from __future__ import annotations

import io
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, redirect_stdout
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from app.cli import main
from tests.ml.colour_grid import FOLDER as QUICK_ENCODER

STARTS_WITHIN_S = 60


class Server:
    """`winnow serve` on a port and a home folder of its own, without stacks and planted pictures unless wanted.

    Pools are indexed by the quick encoder there.
    """

    def __init__(self, home: Path, *, import_roots: Path, planted_per_page: float = 0, stacks: bool = False) -> None:
        self.home = home
        self.import_roots = import_roots
        self.planted_per_page = planted_per_page
        self.stacks = stacks
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        shutil.copytree(QUICK_ENCODER, home / "encoders" / QUICK_ENCODER.name, dirs_exist_ok=True)

    def start(self) -> None:
        """Return when it answers."""
        arguments = [sys.executable, "-m", "app.cli", "serve", "--port", str(self.port)]
        with (self.home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(arguments, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.home / "server.log").read_text())
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash would, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stand_by(self, database: Path) -> None:
        """Answer, with what is in this database and nothing else. Starting anew is left out where it can be."""
        live = self.home / "winnow.db"
        if self._process is not None and (self._process.poll() is not None or _works(live)):
            self.kill()
        with closing(sqlite3.connect(database)) as wanted, closing(sqlite3.connect(live)) as present:
            wanted.backup(present)
        if self._process is None:
            self.start()

    def run(self, *arguments: str, typed: str = "") -> str:
        """Run another command of Winnow on the same home, with what is typed into it, and return what it prints.

        It runs in this process: another one would take seconds to load its libraries.
        """
        printed = io.StringIO()
        umask = os.umask(0o077)
        try:
            with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
                for name, value in self._settings.items():
                    patch.setenv(name, value)
                patch.setattr(sys, "argv", ["winnow", *arguments])
                patch.setattr(sys, "stdin", io.StringIO(typed))
                with pytest.raises(SystemExit) as ended:
                    main()
        finally:
            os.umask(umask)
        assert not ended.value.code, f"winnow {' '.join(arguments)}: {printed.getvalue()}"
        return printed.getvalue()

    def get(self, path: str) -> str:
        with urlopen(self.url + path, timeout=30) as answer:
            text: str = answer.read().decode()
        return text

    def _answers(self) -> bool:
        try:
            self.get("/api/v1/health")
        except (URLError, ConnectionError):
            return False
        return True

    @property
    def _settings(self) -> dict[str, str]:
        return {
            "WINNOW_HOME": str(self.home),
            "WINNOW_ENCODER": QUICK_ENCODER.name,
            "WINNOW_IMPORT_ROOTS": str(self.import_roots),
            "WINNOW_PLANTED_PER_PAGE": str(self.planted_per_page),
            "WINNOW_STACKS": str(self.stacks),
        }

    @property
    def _environment(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith(("WINNOW_", "DATABASE_URL"))}
        return {**others, **self._settings, "OMP_NUM_THREADS": "2"}


def _works(database: Path) -> bool:
    """Whether a job waits or runs, which would go on to write of what is there no more."""
    with closing(sqlite3.connect(database)) as connection:
        active = connection.execute("SELECT count(*) FROM job WHERE state IN ('queued', 'running')").fetchone()
    return bool(active[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
