"""Exports as answers: streamed as a file for as long as somebody reads."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import quote

from anyio import move_on_after
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from app.logs import given_up

# How long a reader may take nothing. There are few places for exports, and each holds on to a snapshot, for whose sake
# a database keeps all that was replaced since.
UNREAD_AT_MOST_S = 60.0

log = logging.getLogger(__name__)


class NothingRead(Exception):
    """A reader has taken nothing for too long."""


class Export(StreamingResponse):
    """A CSV file, made while it is read. One that nobody reads is broken off, so that it cannot be taken for whole.

    What lies on the way to a reader counts as read, and its place becomes free in lumps of up to a megabyte: whoever
    reads less than some 20 kB a second may be taken for one who reads nothing.
    """

    def __init__(self, lines: Iterable[str], *, name: str, rows: int) -> None:
        headers = {
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.csv",
            "X-Winnow-Rows": str(rows),
        }
        super().__init__(lines, headers=headers, media_type="text/csv; charset=utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except NothingRead:
            log.info("An export was given up: nothing of it was read for %g s.", UNREAD_AT_MOST_S)
            # An answer that has no end makes the server close the connection, and complain.
            given_up.set(True)

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            with move_on_after(UNREAD_AT_MOST_S) as waiting:
                await send(message)
            if waiting.cancelled_caught:
                raise NothingRead

        await super().stream_response(send_in_time)
