"""What all commands share: how settings are read, how the database is opened, how a long-running one logs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from sqlalchemy.exc import ArgumentError

from app.db import Database
from app.errors import CannotStart
from app.logs import FORMATTERS, not_given_up
from app.migrations import upgrade
from app.settings import FileUnusable, Settings

PoolName = Annotated[str, typer.Argument(metavar="POOL", help="The pool's name.")]


class BadSetting(CannotStart):
    """A setting cannot be used."""


class HomeUnusable(CannotStart):
    """Winnow cannot write into its home folder; set WINNOW_HOME to one where it may."""


def read_settings(**given: Any) -> Settings:
    """Read the settings; what was typed (and is not None) goes before environment and file. Raises BadSetting."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except FileUnusable as error:
        raise BadSetting(str(error)) from error
    except ValidationError as error:
        fault = error.errors()[0]
        raise BadSetting(f"The setting {'.'.join(map(str, fault['loc']))} cannot be used: {fault['msg']}.") from error


@contextmanager
def opened_database(settings: Settings) -> Iterator[Database]:
    """Yield the database, brought to the present schema. Raises HomeUnusable, and NewerDatabase."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(
            f"Winnow cannot make its home folder {settings.home} ({error.strerror}); set WINNOW_HOME to another place."
        ) from error
    try:
        database = Database(settings.database)
    except (ArgumentError, ImportError) as error:
        raise BadSetting("WINNOW_DATABASE_URL cannot be used: it names no database that Winnow knows.") from error
    try:
        upgrade(database)
        yield database
    finally:
        database.dispose()


def log_to_stderr(settings: Settings) -> None:
    """Let a long-running process log."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATTERS[settings.log_format]())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # They tell at length that all is well.
    for talkative in ("alembic", "faiss", "uvicorn"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(not_given_up)
