"""A group of commands, each of which is loaded when it is asked for, and whose errors are sentences."""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from app.errors import AppError, Unavailable


class DatabaseSilent(Unavailable):
    """The database does not answer; see that it runs and that WINNOW_DATABASE_URL says where it is."""


class Group(TyperGroup):
    """Commands by their names: another group, or where a function is, `module:function`.

    Errors are told by their sentence; for Ctrl-C Typer itself exits with 130, in silence.
    """

    def __init__(self, name: str, help_text: str, commands: dict[str, Any]) -> None:
        super().__init__(name=name, help=help_text, commands=commands, no_args_is_help=True)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, loaded now; or None."""
        place: Any = super().get_command(ctx, cmd_name)
        return _loaded(cmd_name, place) if isinstance(place, str) else place

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except AppError as error:
            told = error
        except Exception as error:
            if not _is_of_database(error):
                raise
            logging.getLogger(__name__).debug("The database's own words.", exc_info=error)
            told = DatabaseSilent()
        typer.echo(told.sentence, err=True)
        raise typer.Exit(told.exit_code)


def _loaded(name: str, place: str) -> Any:
    module, function = place.split(":")
    alone = typer.Typer(add_completion=False)
    alone.command(name)(getattr(import_module(module), function))
    return typer.main.get_command(alone)


def _is_of_database(error: Exception) -> bool:
    # Commands that need no database load no SQLAlchemy.
    known = sys.modules.get("sqlalchemy.exc")
    return known is not None and isinstance(error, known.DBAPIError)
