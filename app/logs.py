"""What is logged: lines for people or for programs, each with the request that it belongs to and without secrets."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

# The id of the request that this thread or task works for.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

# Whether the answer that this task works on was broken off on purpose.
given_up: ContextVar[bool] = ContextVar("given_up", default=False)


def not_given_up(_record: logging.LogRecord) -> bool:
    """Whether what a web server complains of is news: an answer that was broken off on purpose is none."""
    return not given_up.get()


class TextFormatter(logging.Formatter):
    """One line for people, with the request's id at its end."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the base class names it)
        line = super().formatMessage(record)
        known = request_id.get()
        return line if known is None else f"{line} [{known}]"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message; request and error where there are any.

    A record's `fields` are members of their own.
    """

    def format(self, record: logging.LogRecord) -> str:
        content: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (known := request_id.get()) is not None:
            content["request"] = known
        content |= getattr(record, "fields", {})
        if record.exc_info:
            content["error"] = self.formatException(record.exc_info)
        return json.dumps(content, ensure_ascii=False)


FORMATTERS: dict[str, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}
