"""A moving bar for the person at a terminal; a program that listens waits for no Rich."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


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
