"""`winnow check-index`: whether an index version is fit to be served. It asks no database, and loads none."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.telling import print_event, print_progress, say
from app.errors import AppError
from app.jobs.child import when_stdin_ends
from app.search.unfit import UnfitIndex


def check_index(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="An index version, in WINNOW_HOME/indexes.")],
    job: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Check an index version: its checksums, whether pictures find themselves, and its search against an exact one."""
    if job is None:
        for name, figure in _checks(folder).items():
            say(f"{name.replace('_', ' ')}: {figure:,}")
        return
    when_stdin_ends(lambda: os._exit(1))
    try:
        result = _checks(folder, tell=True)
    except AppError as error:
        print_event(event="error", message=error.sentence)
        raise typer.Exit(error.exit_code) from error
    print_event(event="result", result=result)


def _checks(folder: Path, *, tell: bool = False) -> dict[str, int | float]:
    # They bring FAISS along, for which no other command should wait.
    from app.search.checking import check_index as check  # noqa: PLC0415
    from ml.artifacts import BadArtifact  # noqa: PLC0415

    def told(done: int, total: int) -> None:
        if tell:
            print_progress("check", done, total)

    try:
        checks = check(folder, told=told)
    except BadArtifact as problem:
        raise UnfitIndex(f"This index version cannot be served. {problem}") from problem
    if not checks.fit:
        raise UnfitIndex(
            f"This index version cannot be served: of {checks.looked_for} pictures {checks.found_themselves} found "
            f"themselves, and its search gave {checks.recall:.1%} of what exact search gives. Is the disk or the "
            "memory faulty? Reindex once more."
        )
    return asdict(checks)
