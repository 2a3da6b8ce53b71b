"""The processes of a run that uses several devices: none outlives another.

A collective that waits for a dead process waits for half an hour. So each process looks after those that it
depends on, from a thread, and ends without asking the one that waits. Under torchrun, torchrun does so.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

from ml.errors import Refusal

# The first rank's process id: those that it starts take seconds until they can ask who their parent is.
_FIRST = "WINNOW_FIRST_RANK"

_LOOKED_AT_EVERY_S = 0.2
# How long it may take until one hears from the system that a process is gone, and from the process why.
_LAST_WORDS_S = 2.0


class RankLost(Refusal):
    """A process of the run is gone."""


def rank_here() -> int:
    """Return this process's number among all of the run, before Lightning is set up: 0 writes and speaks."""
    return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0)


def under_torchrun() -> bool:
    """Whether torchrun has started this process, and the others."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def end_with_the_parent() -> None:
    """Have this process end soon after the one that started it, which may be gone already."""
    parent = int(os.environ.get(_FIRST) or os.getppid())  # Another launcher may have said which rank this is.

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOKED_AT_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def wait_for_the_parent() -> None:
    """To be called when something has failed here: if it did because the parent is gone, this process ends too."""
    time.sleep(_LAST_WORDS_S)


class Others:
    """The processes that Lightning starts beside the first one, as the first sees them."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """`say` takes a sentence, the last before the process ends."""
        # To look after one's parent takes no Lightning, which takes seconds to load.
        from pytorch_lightning.strategies.launchers import subprocess_script  # noqa: PLC0415

        self._say = say
        self._processes: Sequence[subprocess.Popen[bytes]] = []
        if rank_here() == 0:
            os.environ[_FIRST] = str(os.getpid())
        # Lightning's own watch looks every five seconds, and kills without a word.
        subprocess_script._launch_process_observer = self._watch_over  # type: ignore[attr-defined, assignment]

    def blame(self) -> None:
        """To be called when something has failed here: raise RankLost if it did because another process is gone."""
        deadline = time.monotonic() + _LAST_WORDS_S
        while self._processes and time.monotonic() < deadline:
            self._raise_if_lost()
            time.sleep(_LOOKED_AT_EVERY_S / 4)

    def kill(self) -> None:
        """End the other processes, which may wait for this one in a collective and hear nothing."""
        processes, self._processes = self._processes, []  # Ended by us they are not lost.
        for process in processes:
            process.kill()

    def _watch_over(self, processes: list[subprocess.Popen[bytes]]) -> None:
        self._processes = processes
        threading.Thread(target=self._watch, name="rank watch", daemon=True).start()

    def _watch(self) -> None:
        try:
            while True:
                self._raise_if_lost()
                time.sleep(_LOOKED_AT_EVERY_S)
        except RankLost as lost:
            # Perhaps the main thread hears of it too, and ends in order.
            time.sleep(2 * _LAST_WORDS_S)
            self._say(str(lost))
            self.kill()
            os._exit(1)

    def _raise_if_lost(self) -> None:
        for number, process in enumerate(self._processes, start=1):
            code = process.poll()
            if code == 1:  # It has said why itself, and nothing is to be said after that.
                self.kill()
                os._exit(1)
            if code:
                how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
                raise RankLost(
                    f"Process {number} of 0 to {len(self._processes)} {how}, so the others have ended too. "
                    "The same command goes on from the last checkpoint."
                )
