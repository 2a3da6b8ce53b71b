"""A real PostgreSQL for the tests: TEST_DATABASE_URL where it is set, else a cluster in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, create_engine, make_url, text

from app.db import Database
from app.tables import Table

DEBIAN_VERSIONS = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class PostgresServer:
    url: str  # of a database whose name ends in _test


@contextmanager
def server_for_tests(worker: str, *, durable: bool = False) -> Iterator[PostgresServer]:
    """Yield a server with an empty database for one test worker; `durable`: it writes to the disk what it confirms."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield PostgresServer(fresh_database(given, worker))
        return
    folder = Path(tempfile.mkdtemp(prefix="winnow-postgres-"))
    try:
        cluster = Cluster(folder, durable=durable)
        cluster.start()
        try:
            yield PostgresServer(fresh_database(cluster.url, worker))
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def emptied(url: str) -> Iterator[None]:
    """Leave only what the first migration puts in. Refuses a database whose name does not end in _test."""
    name = make_url(url).database or ""
    if not name.endswith("_test"):
        raise RuntimeError(f"{name} does not look like a test database: its name has to end in _test")
    # Past the references, row by row: TRUNCATE makes new files for every table and index, and takes far longer.
    statements = ["SET LOCAL session_replication_role = replica"]
    statements += [f'DELETE FROM "{table.name}"' for table in Table.metadata.sorted_tables if table.name != "person"]
    statements += ["DELETE FROM person WHERE name_key <> 'local'"]
    statements += ["SELECT setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences"]
    statements[-1] += " WHERE last_value IS NOT NULL AND sequencename <> 'person_id_seq'"
    with _emptying(url).begin() as connection:
        connection.exec_driver_sql("; ".join(statements))
    yield


def no_longer_emptied(url: str) -> None:
    """Close the connection that empties this database before each test."""
    _emptying(url).dispose()


@cache
def _emptying(url: str) -> Engine:
    # What takes time is to get to know a server and, for the server's process, its tables.
    return create_engine(url, pool_size=1, pool_pre_ping=True)


@contextmanager
def marked_as(database: Database, version: str) -> Iterator[None]:
    """Let a database say that it is of another schema version, then of its own again: other tests share it."""
    with database.write() as session:
        own = session.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        session.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    try:
        yield
    finally:
        with database.write() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :own"), {"own": own})


def wait_until_held_up(database: Database) -> None:
    """Return when a request waits for a row. SQLite does not tell; there, it waits before it reads anything."""
    held_up = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    until = time.monotonic() + 20
    while database.engine.dialect.name == "postgresql":
        with database.read() as session:
            if session.execute(text(held_up)).scalar_one():
                return
        assert time.monotonic() < until, "nothing waited"
        time.sleep(0.01)


def fresh_database(url: str, worker: str) -> str:
    """Return the URL of a new, empty database on the same server."""
    name = f"winnow_{worker}_test"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
    engine.dispose()
    return make_url(url).set(database=name).render_as_string(hide_password=False)


class Cluster:
    """A PostgreSQL of its own in an empty folder, where its socket is too; it can be stopped and started again."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.url = f"postgresql+psycopg://winnow@/postgres?host={folder}"
        self._folder = folder
        self._as_other = _as_unprivileged(folder)
        self._fsync = "on" if durable else "off"
        initdb = [str(_binaries() / "initdb"), "-D", str(folder / "data"), "-U", "winnow", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*self._as_other, *initdb, "--no-sync"], check=True, capture_output=True)

    def start(self) -> None:
        """Return when it answers."""
        server = [str(_binaries() / "postgres"), "-D", str(self._folder / "data"), "-c", "listen_addresses="]
        options = ["-c", f"unix_socket_directories={self._folder}", "-c", f"fsync={self._fsync}"]
        self._server = subprocess.Popen(
            [*self._as_other, *server, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ready = [str(_binaries() / "pg_isready"), "-h", str(self._folder), "-U", "winnow", "-t", "1"]
        for _ in range(200):
            if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
                break
            if self._server.poll() is not None:
                raise RuntimeError("PostgreSQL ended at its start")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it; SIGINT waits for nobody who is connected, SIGQUIT leaves it to recover at its next start."""
        self._server.send_signal(how)
        self._server.wait(timeout=60)


def _binaries() -> Path:
    """Return the folder of PostgreSQL's programs. Raises RuntimeError where there are none."""
    for folder in sorted(DEBIAN_VERSIONS.glob("*/bin"), key=lambda path: -float(path.parent.name)):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    raise RuntimeError(
        "The tests need PostgreSQL's server: install Debian's package “postgresql”, or set TEST_DATABASE_URL"
    )


def _as_unprivileged(folder: Path) -> list[str]:
    """Return what a command line has to begin with for PostgreSQL to run, and give it the folder."""
    # PostgreSQL refuses to run as root.
    if os.geteuid() != 0:
        return []
    shutil.chown(folder, "nobody", "nogroup")
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
