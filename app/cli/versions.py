"""`winnow compare`: which of two index versions is better."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

from app.cli.frame import PoolName, opened_database, read_settings
from app.cli.telling import print_event, print_progress, say
from app.db import Database
from app.errors import AppError
from app.jobs.child import when_stdin_ends
from app.pools.queries import pool_named
from app.registry.serving import comparable
from app.search.unfit import UnfitIndex
from app.settings import Settings


def compare(
    pool: PoolName,
    first: Annotated[int, typer.Argument(metavar="FIRST", help="The number of an index version.")],
    second: Annotated[int, typer.Argument(metavar="SECOND", help="The number of another one.")],
    job: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Compare two index versions on the pool's own labels and past reviews; what is found is printed as JSON."""
    settings = read_settings()
    if job is None:
        with opened_database(settings) as database:
            result = _comparison(database, settings, pool, first, second)
        say(result["sentence"])
        typer.echo(json.dumps(result, indent=2))
        return
    when_stdin_ends(lambda: os._exit(1))
    try:
        with opened_database(settings) as database:
            result = _comparison(database, settings, pool, first, second, told=print_progress)
    except AppError as error:
        print_event(event="error", message=error.sentence)
        raise typer.Exit(error.exit_code) from error
    print_event(event="result", result=result)


def _comparison(
    database: Database,
    settings: Settings,
    pool: str,
    first: int,
    second: int,
    told: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> dict[str, Any]:
    # They bring FAISS along, for which no other command should wait.
    from app.jobs.comparing import compare  # noqa: PLC0415
    from ml.artifacts import BadArtifact  # noqa: PLC0415

    with database.read() as session:
        found = pool_named(session, pool)
        one, other = comparable(session, pool_id=found.id, first=first, second=second)
        try:
            return compare(session, settings.indexes, first=one, second=other, told=told)
        except BadArtifact as problem:
            raise UnfitIndex(f"One of the two index versions cannot be used. {problem}") from problem
