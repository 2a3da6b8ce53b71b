"""Brings a database to the schema that this version of Winnow knows."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from app.db import Database
from app.errors import CannotStart
from app.settings import PROJECT

MIGRATIONS = PROJECT / "migrations"

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
    if to == "head" and _is_newest(database):
        return
    with database.migrate() as session:
        connection = session.connection()
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
        _refuse_newer(_present(connection))
        # Alembic takes longer to load than most commands take to run, and nearly all find nothing to upgrade.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def check(database: Database) -> None:
    """Raise OlderDatabase or NewerDatabase unless the schema is the one this version knows."""
    if not _is_newest(database):
        raise OlderDatabase


def known_versions() -> list[str]:
    """Return the versions of the schema, oldest first: what the migrations' files begin with."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def _is_newest(database: Database) -> bool:
    with database.read() as session:
        present = _present(session.connection())
    _refuse_newer(present)
    return present == known_versions()[-1]


def _refuse_newer(present: str | None) -> None:
    if present is not None and present not in known_versions():
        raise NewerDatabase


def _present(connection: Connection) -> str | None:
    """Return the database's version, where it has one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
