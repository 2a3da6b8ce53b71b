"""`winnow db copy`: everything that is in one database into another, empty one, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError
from sqlalchemy.orm import Session

from app.cli.bars import progress_shown
from app.cli.frame import opened_database, read_settings
from app.cli.telling import say
from app.db import Database
from app.errors import CannotStart, Conflict
from app.identity.people import LOCAL
from app.jobs.lease import Watch
from app.jobs.queries import Progress
from app.migrations import upgrade
from app.tables import Person, Table, Verdict

_ROWS_AT_ONCE = 2000


class TargetUnknown(CannotStart):
    """The address to copy to names no database that Winnow knows."""


class TargetNotEmpty(Conflict):
    """The database to copy to is not empty, so nothing was copied; name an empty one."""


class TargetRefuses(Conflict):
    """The database to copy to does not take a value, so nothing was copied."""


class CopyDiffers(Conflict):
    """What arrived is not what was sent, so nothing was copied."""


@dataclass(frozen=True)
class Sum:
    """How many rows a table has, and a digest of them all in the order of their keys."""

    rows: int
    sha256: str


def copy_database(
    to_url: Annotated[
        str, typer.Argument(metavar="TO_URL", help="An empty database, such as an address of PostgreSQL.")
    ],
) -> None:
    """Copy all that is in the database into another, empty one, of SQLite or PostgreSQL. Stop Winnow first."""
    with opened_database(read_settings()) as source:
        try:
            target = Database(to_url)
        except (ArgumentError, ImportError) as error:
            raise TargetUnknown from error
        try:
            with progress_shown() as watch:
                sums = copy(source, target, watch=watch)
        finally:
            target.dispose()
    verdicts = sums[Verdict.__tablename__]
    say(f"Copied {sum(table.rows for table in sums.values()):,} rows in {len(sums)} tables, each compared afterwards.")
    say(f"{verdicts.rows:,} verdicts, with the same checksum on both sides: {verdicts.sha256[:16]}.")
    say("Set WINNOW_DATABASE_URL to the new database, and keep WINNOW_HOME: uploads, encoders and indexes lie there.")


def copy(source: Database, target: Database, *, watch: Watch) -> dict[str, Sum]:
    """Copy from one snapshot, in one transaction; return the sums of all tables, the same on both sides.

    Memory stays bounded, whatever the size. Raises TargetNotEmpty, TargetRefuses, CopyDiffers and NewerDatabase;
    the target then holds nothing more than before.
    """
    _refuse_unless_empty(target)
    upgrade(target)
    tables = Table.metadata.sorted_tables
    with source.read() as reading, target.migrate() as writing:
        if _rows_in(writing, tables):
            raise TargetNotEmpty
        writing.execute(sa.delete(Person))
        for table in tables:
            total = reading.scalars(sa.select(sa.func.count()).select_from(table)).one()
            try:
                for done in _copy(reading, writing, table):
                    watch(Progress(table.name, done, total))
            except (DataError, IntegrityError) as error:
                raise TargetRefuses(
                    f"The database to copy to does not take a value of the table “{table.name}”, so nothing was copied."
                ) from error
        if writing.get_bind().dialect.name == "postgresql":
            _count_on(writing, tables)
        sums = {table.name: _sum(reading, table) for table in tables}
        for table in tables:
            if _sum(writing, table) != sums[table.name]:
                raise CopyDiffers(f"What arrived in “{table.name}” is not what was sent, so nothing was copied.")
    target.count_anew()
    return sums


def _refuse_unless_empty(target: Database) -> None:
    """Raise TargetNotEmpty before anything is upgraded that is in use."""
    with target.read() as session:
        present = set(sa.inspect(session.connection()).get_table_names())
        if _rows_in(session, [table for table in Table.metadata.sorted_tables if table.name in present]):
            raise TargetNotEmpty


def _rows_in(session: Session, tables: list[sa.Table]) -> bool:
    """Whether there is anything but the person that the first migration makes."""
    for table in tables:
        rows = sa.select(sa.literal(1)).select_from(table)
        if table.name == Person.__tablename__:
            rows = rows.where(table.c.name_key != LOCAL)
        if session.execute(rows.limit(1)).first() is not None:
            return True
    return False


def _copy(reading: Session, writing: Session, table: sa.Table) -> Iterator[int]:
    """Copy one table, telling how many rows are done."""
    own = [column for column in table.columns if any(key.column.table is table for key in column.foreign_keys)]
    done = 0
    for rows in _batches(reading, sa.select(table).order_by(*table.primary_key)):
        # What names a later row of the same table is entered when all rows are there.
        early = [row | {column.name: None for column in own if (row[column.name] or 0) > row["id"]} for row in rows]
        writing.execute(sa.insert(table), early)
        done += len(rows)
        yield done
    for column in own:
        late = sa.select(table.c.id.label("of"), column.label("later")).where(column > table.c.id).order_by(table.c.id)
        change = sa.update(table).where(table.c.id == sa.bindparam("of")).values({column.name: sa.bindparam("later")})
        for rows in _batches(reading, late):
            writing.connection().execute(change, rows)


def _batches(session: Session, wanted: sa.Select[Any]) -> Iterator[list[dict[str, Any]]]:
    rows = session.execute(wanted.execution_options(yield_per=_ROWS_AT_ONCE)).mappings()
    for batch in rows.partitions():
        yield [dict(row) for row in batch]


def _count_on(session: Session, tables: list[sa.Table]) -> None:
    """Let PostgreSQL give the next row an id that is free."""
    for table in tables:
        if "id" in table.c:
            last = sa.select(sa.func.max(table.c.id)).scalar_subquery()
            sequence = sa.func.pg_get_serial_sequence(f'"{table.name}"', "id")
            session.execute(sa.select(sa.func.setval(sequence, last)))


def _sum(session: Session, table: sa.Table) -> Sum:
    digest, count = hashlib.sha256(), 0
    for rows in _batches(session, sa.select(table).order_by(*table.primary_key)):
        count += len(rows)
        for row in rows:
            digest.update(repr(list(row.values())).encode())
    return Sum(count, digest.hexdigest())
