"""The worker beside a server: started with it, started again when it dies, gone with it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from typing import Self

from app.jobs.child import end, environment_for, start
from app.settings import Settings

log = logging.getLogger(__name__)

_AGAIN_AFTER_S = 1.0
_AT_MOST_AFTER_S = 60.0
# One that lived this long did not die of something that will kill the next one at once.
_HEALTHY_AFTER_S = 60.0
# Time to end its own child and to give its job back.
_TIME_TO_END_S = 15.0


class WorkerProcess:
    """A `winnow worker` process that is kept alive from `with` to its end."""

    def __init__(self, settings: Settings) -> None:
        self._environment = environment_for(settings)
        self._ending = threading.Event()
        # Held while a worker is started, so that none is started after the end.
        self._starting = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="worker's keeper", daemon=True)
        self._worker = self._start()

    @property
    def pid(self) -> int:
        """The process id of the present worker."""
        return self._worker.pid

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._starting:
            self._ending.set()
        end(self._worker, patience_s=_TIME_TO_END_S)
        self._thread.join()

    def _start(self) -> subprocess.Popen[str]:
        return start([sys.executable, "-P", "-m", "app.cli", "worker"], environment=self._environment)

    def _keep(self) -> None:
        pause = _AGAIN_AFTER_S
        while True:
            began = time.monotonic()
            with self._worker:
                exit_code = self._worker.wait()
            if time.monotonic() - began > _HEALTHY_AFTER_S:
                pause = _AGAIN_AFTER_S
            if not self._ending.is_set():
                log.warning("The worker ended with exit code %s; another one starts in %.0f s.", exit_code, pause)
            self._ending.wait(pause)
            pause = min(2 * pause, _AT_MOST_AFTER_S)
            with self._starting:
                if self._ending.is_set():
                    return
                self._worker = self._start()
