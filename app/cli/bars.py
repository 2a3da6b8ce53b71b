"""How commands show progress to whoever waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from app.jobs.lease import Watch
from app.jobs.queries import Progress


@contextmanager
def progress_shown() -> Iterator[Watch]:
    """Yield what shows a job's progress, a bar for each phase, on standard error."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Bars(*columns, console=Console(stderr=True)) as bars:
        phases: dict[str, Any] = {}

        def show(progress: Progress) -> None:
            if progress.phase not in phases:
                phases[progress.phase] = bars.add_task(progress.phase, total=None)
            bars.update(phases[progress.phase], completed=progress.done, total=progress.total)

        yield show
