"""`winnow export`, `pools` and `db`: what is in the database."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, cast
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table

from app.cli.frame import PoolName, opened_database, read_settings
from app.cli.telling import say
from app.errors import CannotStart
from app.labels.export import Filters, Rows, chosen_verdicts, count_rows, export_csv, record_export
from app.pools import queries
from app.pools.queries import class_named, pool_named
from app.words import VerdictValue


class WantedVerdict(StrEnum):
    """Which verdicts an export holds."""

    ACCEPT = "accept"
    REJECT = "reject"
    UNSURE = "unsure"
    ANY = "any"


class OutputUnwritable(CannotStart):
    """The file cannot be written."""


def export(
    pool: PoolName,
    class_name: Annotated[str | None, typer.Option("--class", help="Only this class.")] = None,
    person: Annotated[str | None, typer.Option(help="Only verdicts of this person.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only verdicts from this moment on, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only verdicts before this moment, UTC.")] = None,
    verdict: Annotated[
        list[WantedVerdict] | None,
        typer.Option(help="May be repeated. Labels: accept unless told otherwise; verdicts: any."),
    ] = None,
    rows: Annotated[Rows, typer.Option(help="What is in force, or the whole journal.")] = "labels",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write; else standard output.")] = None,
) -> None:
    """Write the pool's labels as CSV: a row for each image and class."""
    # They bring FastAPI, NumPy and FAISS along, for which no other command should wait.
    from app.identity.accounts import see_that_there_was  # noqa: PLC0415
    from app.labels.groups import stack_groups  # noqa: PLC0415
    from app.search.served_index import IndexShelf  # noqa: PLC0415

    asked = cast(list[VerdictValue | Literal["any"]], [wanted.value for wanted in verdict]) if verdict else None
    settings = read_settings()
    with opened_database(settings) as database, database.read() as session:
        pool_id = pool_named(session, pool).id
        if person is not None:
            see_that_there_was(session, name=person)
        filters = Filters(
            class_id=None if class_name is None else class_named(session, pool_id=pool_id, name=class_name).id,
            person=person,
            since=since and since.replace(tzinfo=UTC),
            until=until and until.replace(tzinfo=UTC),
            verdicts=chosen_verdicts(asked, rows=rows),
        )
        count = count_rows(session, pool_id=pool_id, filters=filters, rows=rows)
        record_export(database, pool_id=pool_id, person_id=None, filters=filters, rows=rows, count=count)
        groups = stack_groups(session, IndexShelf(settings.indexes), pool_id=pool_id)
        lines = export_csv(session, pool_id=pool_id, filters=filters, groups=groups, rows=rows)
        if output is None:
            sys.stdout.writelines(lines)
        else:
            _write(output, lines)
            count = count_rows(session, pool_id=pool_id, filters=filters, rows=rows)
            say(f"{count:,} rows written to {output}.")


def list_pools() -> None:
    """List the pools."""
    table = Table("Pool", "Images", "Labelled", "Classes", box=None)
    with opened_database(read_settings()) as database, database.read() as session:
        for pool, counts in queries.pools(session):
            table.add_row(pool.name, f"{counts.images:,}", f"{counts.labelled:,}", f"{counts.classes:,}")
    Console().print(table)


def upgrade_database() -> None:
    """Bring the database to the schema of this version; one that is there already stays as it is."""
    with opened_database(read_settings()):
        say("The database is up to date.")


def _write(output: Path, lines: Iterable[str]) -> None:
    """Write the lines beside the file and then put them in its place.

    Whatever goes wrong, a file that was there before stays as it was.
    """
    draft = output.with_name(f".{output.name}.{uuid4().hex}")
    try:
        try:
            with draft.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
            draft.replace(output)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"{output} cannot be written: {error.strerror}.") from error
