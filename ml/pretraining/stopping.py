"""Ctrl-C and SIGTERM: a run ends after the step that it is in, and after some seconds come what may."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ml.errors import Refusal

# A step of a large batch on a CPU, and a checkpoint on a slow disk; whoever asked is still waiting then.
PATIENCE_S = 30.0
# Where nothing is saved, and the step has to be done for whoever saves.
PATIENCE_OF_OTHERS_S = 10.0

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Have SIGTERM raise KeyboardInterrupt, as Ctrl-C does; afterwards signals do what they did before."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Stopped(Refusal):
    """Somebody has stopped the run, and it can go on."""


class StopRequest:
    """Whether somebody wants the run to stop.

    Python hears of a signal between two steps of its own, so never while a step waits for a process that is gone. A
    thread hears at once, and gives the run `patience_s` seconds to end in order; none before a first step is done, of
    which the compiler makes a long one, unless `worth_waiting` says so.
    """

    def __init__(
        self, *, gives_up: Callable[[], None], worth_waiting: bool = False, patience_s: float = PATIENCE_S
    ) -> None:
        """`gives_up` is called from that thread before the process ends the hard way."""
        self.asked = False
        self.worth_waiting = worth_waiting
        self._patience_s = patience_s
        self._gives_up = gives_up
        self._ended = threading.Event()

    def listen(self) -> None:
        """Take the signals over from whoever has them. To be called in the main thread, once."""
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, self._ask)
        threading.Thread(target=self._lose_patience, args=(read,), name="stop watch", daemon=True).start()

    def done(self) -> None:
        """The run is ending in order; leave it the time that it needs."""
        self._ended.set()
        signal.set_wakeup_fd(-1)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def _lose_patience(self, signals: int) -> None:
        while (heard := os.read(signals, 1)) and heard[0] not in _SIGNALS:
            pass
        if not self._ended.wait(self._patience_s if self.worth_waiting else 0):
            self._gives_up()
            os._exit(1)
