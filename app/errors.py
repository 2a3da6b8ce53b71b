"""Errors that know their HTTP status and carry a sentence for the person who meets them."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, ClassVar


class AppError(Exception):
    """Something in the request cannot be done.

    The docstring of a subclass is its default sentence: what happened and how to mend it. `status` is the
    HTTP status; the command line prints the sentence and exits with `exit_code`. A sentence never holds SQL,
    a stack trace or a path of the server that the person did not name.
    """

    status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 1

    def __init__(self, sentence: str | None = None, **more: Any) -> None:
        self.sentence = sentence or _first_line(type(self).__doc__)
        self.more = more  # further members of the problem's JSON, such as the job that is in the way
        self.headers: dict[str, str] = {}  # of the answer, such as how long to wait
        super().__init__(self.sentence)

    @property
    def code(self) -> str:
        """The error's name for programs: `PoolNotFound` is "pool-not-found"."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()


class NotFound(AppError):
    """There is nothing here."""

    status = 404


class Conflict(AppError):
    """This cannot be done in the present state."""

    status = 409


class Forbidden(AppError):
    """This is not allowed."""

    status = 403


class UnsupportedMedia(AppError):
    """This is not a picture that can be read."""

    status = 415


class Invalid(AppError):
    """A value in the request cannot be used."""

    status = 422


class Unavailable(AppError):
    """This cannot be done just now; try again in a moment."""

    status = 503


class CannotStart(AppError):
    """Winnow cannot start like this."""

    status = 500


def problem(error: AppError) -> dict[str, Any]:
    """The one JSON shape of all errors: problem details as in RFC 9457, with `code` for programs."""
    title = HTTPStatus(error.status).phrase
    essentials = {
        "type": "about:blank",
        "title": title,
        "status": error.status,
        "detail": error.sentence,
        "code": error.code,
    }
    return {**essentials, **error.more}


def _first_line(docstring: str | None) -> str:
    return (docstring or "This cannot be done.").strip().splitlines()[0]
