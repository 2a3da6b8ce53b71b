"""A scratch home with small pools of pictures, and the two processes that are killed and started again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.db import Database
from app.jobs import lifecycle
from app.jobs.child import environment_for
from app.jobs.imports import import_here
from app.jobs.reindex import reindex
from app.jobs.work import do_now
from app.migrations import upgrade
from app.pools.queries import create_pool
from app.settings import PROJECT, Settings
from bench.chaos import warm

SERVER, WORKER = "server", "worker"
# It gives the mean colours of a picture, without a network's time.
_ENCODER = PROJECT / "tests" / "ml" / "encoders" / "colour-grid"
_UP_WITHIN_S = 120


class House:
    """A home folder, a database, and `winnow serve` and `winnow worker` on them."""

    def __init__(self, folder: Path, *, database_url: str, pools: int, pictures: int, workers: int = 1) -> None:
        self.pictures = folder / "pictures"
        self.settings = Settings(
            home=folder / "home",
            database_url=database_url,
            port=_free_port(),
            import_roots=(folder,),
            encoder=_ENCODER.name,
            stacks=False,
            planted_per_page=0,
            workers=workers,
        )
        self.database = Database(self.settings.database)
        self.pools = [f"pool {number}" for number in range(pools)]
        self._random = np.random.default_rng(0)
        self._written = 0
        self._running: dict[str, ForkServerProcess] = {}
        upgrade(self.database)
        shutil.copytree(_ENCODER, self.settings.home / "encoders" / _ENCODER.name)
        for name in self.pools:
            self._make_pool(name, pictures)

    def add_pictures(self, pool: str, count: int) -> Path:
        """Write more pictures into a pool's folder, whole or not at all, and return the folder."""
        folder = self.pictures / pool
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            self._written += 1
            pixels = self._random.integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
            draft = folder / f".{self._written}"
            Image.fromarray(pixels).save(draft, "PNG")
            draft.rename(folder / f"{self._written:06}.png")
        return folder

    def start(self, name: str) -> None:
        """Start the server or the worker, as a supervisor would that sees it gone."""
        arguments = {SERVER: ["serve", "--no-worker"], WORKER: ["worker"]}[name]
        log = self.settings.home / f"{name}.log"
        self._running[name] = warm.start(arguments, environment=environment_for(self.settings), log=log)

    def kill(self, name: str, *, with_children: bool) -> None:
        """End a process by SIGKILL; its children too, or they have to notice by themselves."""
        process = self._running[name]
        assert process.pid is not None
        below = _descendants(process.pid) if with_children else []
        for pid in [process.pid, *below]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.join()

    def is_running(self, name: str) -> bool:
        return self._running[name].is_alive()

    def stop(self) -> None:
        """End both in order."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.join(60)
        self.database.dispose()

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and JSON of one request. Raises OSError or HTTPException where no whole answer comes."""
        with closing(HTTPConnection("127.0.0.1", self.settings.port, timeout=60)) as connection:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or "null")

    def wait_until_up(self) -> float:
        """Return how many seconds it took until the server answered."""
        began = time.monotonic()
        while True:
            with suppress(OSError, HTTPException, ValueError):
                if self.ask("GET", "/api/v1/health")[0] == 200:
                    return time.monotonic() - began
            if time.monotonic() - began > _UP_WITHIN_S or not self.is_running(SERVER):
                raise RuntimeError((self.settings.home / "server.log").read_text()[-4000:])
            time.sleep(0.02)

    def _make_pool(self, name: str, pictures: int) -> None:
        folder = self.add_pictures(name, pictures)
        with self.database.write() as session:
            pool_id = create_pool(session, name=name, classes_per_image="several").id
        import_here(self.database, self.settings, pool_id=pool_id, folder=folder, report=lambda *_: None)
        do_now(
            self.database,
            self.settings,
            kind=lifecycle.REINDEX,
            pool_id=pool_id,
            arguments={},
            perform=reindex,
            watch=lambda _: None,
            say=print,
        )


def _descendants(pid: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *_descendants(child)]
    return found


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port
