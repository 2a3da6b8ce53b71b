"""Brings a database to the schema that this version of Winnow knows."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.db import Database
from app.errors import CannotStart
from app.settings import PROJECT

# Any number will do, as long as nobody else locks by it.
_POSTGRES_LOCK = 7_460_157


class NewerDatabase(CannotStart):
    """This database was written by a newer version of Winnow; install that version to open it."""


class OlderDatabase(CannotStart):
    """This database was written by an older version of Winnow; run “winnow db upgrade”."""


def upgrade(database: Database, *, to: str = "head") -> None:
    """Upgrade in one transaction; on an up-to-date database this changes nothing.

    Two servers that start at once take turns. Raises NewerDatabase, having changed nothing.
    """
    with database.migrate() as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
        config = _config(connection)
        _refuse_newer(config, connection)
        command.upgrade(config, to)


def check(database: Database) -> None:
    """Raise OlderDatabase or NewerDatabase unless the schema is the one this version knows."""
    with database.read() as session:
        connection = session.connection()
        config = _config(connection)
        _refuse_newer(config, connection)
        if _present(connection) != ScriptDirectory.from_config(config).get_current_head():
            raise OlderDatabase


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(PROJECT / "migrations"))
    config.attributes["connection"] = connection
    return config


def _refuse_newer(config: Config, connection: Connection) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    present = _present(connection)
    if present is not None and present not in known:
        raise NewerDatabase


def _present(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
