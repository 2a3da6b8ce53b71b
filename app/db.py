"""Connections and transactions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Engine, NullPool, create_engine, event, exists, make_url, select, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.orm import Session

from app.errors import Unavailable
from app.tables import Table

# How long a writer waits for another one. A commit of a page holds the database for milliseconds; an import's
# batch for less than a second.
SQLITE_BUSY_MS = 15_000


# Exports last as long as their readers read, so they have connections of their own, and not too many.
EXPORTS_AT_ONCE = 8
# A glance takes a millisecond or two.
GLANCES_AT_ONCE = 5
# A connection that was used so lately is not asked whether it is alive: no server starts anew so quickly, for which an
# empty PostgreSQL takes 40 ms.
SURELY_ALIVE_S = 0.02

Seen = TypeVar("Seen")


class TooManyExports(Unavailable):
    """Too many exports are under way; try again when one of them is done."""


class Database:
    """The ways to the database: two kinds of transactions, exports, and glances.

    Read transactions see one snapshot. Write transactions on SQLite take the write lock at their start, so
    that none fails half-way because another one wrote meanwhile.
    """

    def __init__(self, url: str, *, patience_s: float | None = None) -> None:
        """Write transactions on PostgreSQL wait so long for what others hold, each time; without it, for ever."""
        self.engine = _engine(url)
        if patience_s is not None and self.engine.dialect.name == "postgresql":
            event.listen(self.engine, "begin", partial(_wait_for_locks, patience_s))
        self._writing = self.engine.execution_options(winnow_write=True)
        self._reading = _one_snapshot(self.engine)
        self._exporting = _one_snapshot(_engine(url, poolclass=NullPool))
        self._glancing = _engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            pool_size=GLANCES_AT_ONCE,
            max_overflow=0,
        )
        self._exports = BoundedSemaphore(EXPORTS_AT_ONCE)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Yield a session on one snapshot; nothing it does is kept."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    def glance(self, look: Callable[[Connection], Seen]) -> Seen:
        """Return what `look` sees, each of its statements by itself; for what is asked with every request.

        A transaction's beginning and end, and whether the connection is still alive, are a way to the server each. One
        that is not is found out here, and `look` is called again on another.
        """
        try:
            with self._glancing.connect() as connection:
                return look(connection)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        with self._glancing.connect() as connection:
            return look(connection)

    @contextmanager
    def export(self) -> Iterator[Session]:
        """Yield a read session that slow readers may keep open: others lack no connection. Raises TooManyExports."""
        if not self._exports.acquire(blocking=False):
            raise TooManyExports
        try:
            with Session(self._exporting, expire_on_commit=False) as session:
                yield session
        finally:
            self._exports.release()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Yield a session that commits at the end of the block, or rolls back on any error."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def migrate(self) -> Iterator[Session]:
        """Yield a write session in which tables may be replaced: SQLite checks references at its end only."""
        engine = _engine(str(self.engine.url.render_as_string(hide_password=False)), poolclass=NullPool)
        sqlite = engine.dialect.name == "sqlite"
        if sqlite:
            # Not possible within a transaction; and while they are on, no table that others refer to can be replaced.
            event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = OFF"))
        with Session(engine.execution_options(winnow_write=True)) as session, session.begin():
            yield session
            if sqlite and (broken := session.execute(text("PRAGMA foreign_key_check")).first()):
                raise RuntimeError(
                    f"The migration left {broken[0]} with a reference to a row of {broken[2]} that is gone."
                )

    def count_anew(self) -> None:
        """Let PostgreSQL count its tables at once, after many rows came: until then it looks for them in slow ways.

        By itself it does so a minute later at the earliest; a page of sixty took half a second until then. Empty tables
        stay uncounted: of those it takes for granted that they will grow. Known to be empty, they are read from end to
        end for each row that refers to them, until they are counted again.
        """
        if self.engine.dialect.name != "postgresql":
            return
        # Table by table, each in a transaction of its own: two imports that end at once hold none for each other.
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in Table.metadata.sorted_tables:
                if connection.scalar(select(exists(select(table)))):
                    connection.execute(text(f'ANALYZE "{table.name}"'))

    def dispose(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()
        self._glancing.dispose()


def _engine(url: str, **options: Any) -> Engine:
    parsed = make_url(url)
    # An error that is logged would tell what people sent, and hashes of passwords.
    options = {"hide_parameters": True, **options}
    if parsed.get_backend_name() != "sqlite":
        if "poolclass" in options:
            return create_engine(url, **options)
        # The connection given back last first: of what was asked on it before, it knows how.
        engine = create_engine(url, pool_use_lifo=True, **options)
        # A glance finds out by itself.
        if options.get("isolation_level") != "AUTOCOMMIT":
            event.listen(engine, "checkin", _note_when)
            event.listen(engine, "checkout", partial(_see_that_it_lives, engine.dialect))
        return engine
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"check_same_thread": False}, **options)
    event.listen(engine, "connect", _prepare_sqlite)
    if options.get("isolation_level") != "AUTOCOMMIT":
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _note_when(_connection: object, record: Any) -> None:
    record.info["given_back"] = time.monotonic()


def _see_that_it_lives(dialect: Dialect, connection: Any, record: Any, _proxy: object) -> None:
    """Ask a connection that has lain idle whether it is alive; of one used just now it would be a way too many."""
    if time.monotonic() - record.info.get("given_back", math.inf) < SURELY_ALIVE_S:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        # With all others: the pool then makes another one.
        raise InvalidatePoolError from error


def _wait_for_locks(patience_s: float, connection: Connection) -> None:
    if connection.get_execution_options().get("winnow_write", False):
        # For this transaction alone: the connection may be anybody's next.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(1000 * patience_s)}")


def _one_snapshot(engine: Engine) -> Engine:
    """Let all statements of a transaction see the same: what the count says is what the rows are."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transactions begin too late and too weakly; ours are begun below.
    connection.isolation_level = None
    cursor = connection.cursor()
    # First, since the others may have to wait too.
    cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # A stored verdict survives a power cut, not only a crash of the process.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("winnow_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
