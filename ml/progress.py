"""How a command tells how far it is: JSON lines for a program; a moving bar for a person is in ml/terminal.py."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Protocol

_SECONDS_BETWEEN_LINES = 0.2


class Progress(Protocol):
    """Where a command's progress goes."""

    def step(self, phase: str, done: int, total: int) -> None:
        """Tell that `done` of `total` are done; may be called as often as one likes."""

    def figures(self, **figures: float) -> None:
        """Tell how a training goes: epoch, step, loss, rate, images, images_per_second, seconds_left."""

    def judged(self, epoch: int, **figures: float) -> None:
        """Tell what the network of an epoch is worth."""

    def note(self, message: str) -> None:
        """Tell something that is good to know: a sentence."""

    def artifact(self, kind: str, path: Path, **figures: int) -> None:
        """Tell that an artifact is published, or vectors are complete."""

    def error(self, message: str) -> None:
        """Tell, as the last thing, why the command failed: a sentence."""


class JsonLines:
    """One JSON object a line on stdout; of the steps at most five a second, and always the last of a phase."""

    def __init__(self) -> None:
        self._phase = ""
        self._told_at = 0.0

    def step(self, phase: str, done: int, total: int) -> None:
        now = time.monotonic()
        if phase == self._phase and done < total and now - self._told_at < _SECONDS_BETWEEN_LINES:
            return
        self._phase, self._told_at = phase, now
        self._line(event="progress", phase=phase, done=done, total=total)

    def figures(self, **figures: float) -> None:
        self._line(event="figures", **figures)

    def judged(self, epoch: int, **figures: float) -> None:
        self._line(event="judged", epoch=epoch, **figures)

    def note(self, message: str) -> None:
        self._line(event="note", message=message)

    def artifact(self, kind: str, path: Path, **figures: int) -> None:
        self._line(event="artifact", kind=kind, path=str(path), **figures)

    def error(self, message: str) -> None:
        self._line(event="error", message=message)

    def _line(self, **event: Any) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


class Silence:
    """Nobody listens: another process tells the same."""

    def step(self, phase: str, done: int, total: int) -> None:
        pass

    def figures(self, **figures: float) -> None:
        pass

    def judged(self, epoch: int, **figures: float) -> None:
        pass

    def note(self, message: str) -> None:
        pass

    def artifact(self, kind: str, path: Path, **figures: int) -> None:
        pass

    def error(self, message: str) -> None:
        pass
