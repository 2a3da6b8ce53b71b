"""How a command tells how far it is: JSON lines for a program, a moving bar for a person."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

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


class Terminal:
    """A bar for each phase, and sentences above it."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
        )
        self._phases: dict[str, TaskID] = {}

    def step(self, phase: str, done: int, total: int) -> None:
        if phase not in self._phases:
            # What was done before is no sign of speed.
            self._phases[phase] = self._bars.add_task(phase, total=total, completed=done, figures="")
            self._bars.start()
        self._bars.update(self._phases[phase], completed=done, total=total)

    def figures(self, **figures: float) -> None:
        told = "{images_per_second:,.0f} images/s  epoch {epoch:.1f}  loss {loss:.3f}".format(**figures)
        if self._phases:
            self._bars.update([*self._phases.values()][-1], figures=told)

    def judged(self, epoch: int, **figures: float) -> None:
        told = ", ".join(f"{name.replace('_', ' ')} {figure:.3g}" for name, figure in figures.items())
        self.note(f"epoch {epoch}: {told}")

    def note(self, message: str) -> None:
        self._console.print(message, markup=False, soft_wrap=True)

    def artifact(self, kind: str, path: Path, **figures: int) -> None:
        if self._bars.finished:
            self._stop()
        counts = ", ".join(f"{figure:,} {name.replace('_', ' ')}" for name, figure in figures.items())
        self._console.print(f"{kind}: {path}" + (f" ({counts})" if counts else ""), markup=False, soft_wrap=True)

    def error(self, message: str) -> None:
        self._stop()
        sys.stderr.write(f"{message}\n")

    def _stop(self) -> None:
        if self._phases:
            self._bars.stop()


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
