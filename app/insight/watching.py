"""The outermost layer around every request: it gets an id, is counted and timed, and leaves a line in the log."""

from __future__ import annotations

import logging
import re
import secrets
import time
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.identity.access import Found
from app.identity.people import Asking
from app.insight.metrics import REQUESTS, SECONDS
from app.logs import request_id

_HEADER = b"x-request-id"
# What a proxy sends is taken over if nothing odd can come of it in a log.
_SANE = re.compile(rb"[A-Za-z0-9_.:=+/-]{8,128}")

log = logging.getLogger("winnow.requests")


class Watching:
    """Pure ASGI middleware; sixty thumbnails a page go through it.

    A line names the address as the table of rules has it, what varies left out, also where somebody was refused; and
    neither query nor headers: no secret is in it.
    """

    def __init__(self, app: ASGIApp, *, log_requests: bool) -> None:
        self.app = app
        self.log_requests = log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        id_ = given.decode() if _SANE.fullmatch(given) else secrets.token_hex(8)
        # It ends with the task that answers this request, after the answer to an error that nobody expected.
        request_id.set(id_)
        # Where nothing begins to be answered, something broke.
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = id_
            await send(message)

        began = time.perf_counter()
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        # What the gate found out; it did not get as far with a request that the guard refused.
        state = scope.get("state", {})
        found: Found | None = state.get("found")
        asking: Asking | None = state.get("asking")
        # Anybody may make up an address, and a method, and each new one would be kept for ever.
        known, route = (scope["method"], found.rule.path) if found else ("-", "-")
        REQUESTS.labels(known, route, str(status)).inc()
        SECONDS.labels(known, route).observe(seconds)
        if self.log_requests:
            fields = {
                "method": scope["method"],
                "route": route,
                "status": status,
                "milliseconds": round(1000 * seconds, 1),
                "person": asking.person.id if asking and asking.person else None,
            }
            told = "%(method)s %(route)s %(status)s in %(milliseconds)s ms, person %(person)s"
            log.info(told, fields, extra={"fields": fields})
