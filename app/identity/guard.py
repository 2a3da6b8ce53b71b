"""The gate that every request passes: the right host, the same origin, safe headers on the answer."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import AppError, Forbidden, NotFound, problem
from app.pages import PROBLEM_JSON, refusal

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# All that is no upload is parsed at one go, while everybody else waits. A thousand images by name are 70 kB.
LARGEST_TEXT = 1024 * 1024

_HEADERS = {
    # Nothing is loaded from other hosts, nothing runs inline, nobody frames the pages.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # What may be kept says so itself; a list that the back button brings from a cache is out of date.
    "Cache-Control": "no-store",
}


class WrongHost(AppError):
    """This server does not answer to that host name; add it to WINNOW_ALLOWED_HOSTS if it should."""

    status = 421


class NoWebSockets(NotFound):
    """This server has no web sockets."""


class ForeignOrigin(Forbidden):
    """A page of another site asked for this change, so it was not made."""


class ForeignPage(Forbidden):
    """A page of another site asked for this, so it was not given; open it in a tab of its own."""


class TooLarge(AppError):
    """This is larger than Winnow takes in one request."""

    status = 413

    @classmethod
    def over(cls, largest: int, *, uploads: bool = False) -> TooLarge:
        """Return the error that says how many bytes would do."""
        if uploads:
            return cls(
                "This is larger than Winnow takes in one request; WINNOW_MAX_UPLOAD_BYTES says how much that is."
            )
        return cls(f"This is larger than Winnow takes here in one request: {largest:,} bytes at most.")


class LengthRequired(AppError):
    """A request with a body has to say its length beforehand (Content-Length)."""

    status = 411


def body_length(headers: Headers) -> int:
    """Return how many bytes the body of a request has, as it says beforehand."""
    return int(headers.get("content-length", "0"))


class Guard:
    """Pure ASGI middleware; it costs microseconds, also on the sixty thumbnails of a page.

    The `Host` check keeps a foreign name from being pointed at this machine (DNS rebinding); the origin check
    keeps other sites from changing anything through the person's browser, and from loading anything into pages of
    theirs: an export only reads, but is written down as what the person did. Programs that send neither `Origin` nor
    `Sec-Fetch-Site` (curl, scripts) are let through: no browser leaves both out.
    """

    def __init__(self, app: ASGIApp, *, largest_body: int, allowed_hosts: Iterable[str] = ()) -> None:
        self.app = app
        self.largest_body = largest_body
        self.allowed_hosts = LOOPBACK_HOSTS | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        error = self._objection(scope)
        if error is not None:
            await _refused(scope, error)(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)

    def _objection(self, scope: Scope) -> AppError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if without_port(host) not in self.allowed_hosts:
            return WrongHost()
        if scope["type"] == "websocket":
            return NoWebSockets()
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        foreign = site is not None and site not in {"same-origin", "none"}
        if scope["method"] in SAFE_METHODS:
            return ForeignPage() if foreign and not _follows_a_link(headers) else None
        if "transfer-encoding" in headers:
            return LengthRequired()
        uploads = headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data"
        # Nothing else takes files, and whoever takes a form reads all of it.
        uploads = uploads and scope["path"].endswith("/reviews")
        largest = self.largest_body if uploads else min(LARGEST_TEXT, self.largest_body)
        if body_length(headers) > largest:
            return TooLarge.over(largest, uploads=uploads)
        if foreign:
            return ForeignOrigin()
        # A browser that sends no Sec-Fetch-Site still names the origin; it has to be this very host and port.
        if origin is not None and _netloc(origin) != host.lower():
            return ForeignOrigin()
        return None


def _refused(scope: Scope, error: AppError) -> ASGIApp:
    if scope["type"] == "http":
        return refusal(Request(scope), error)
    return JSONResponse(problem(error), status_code=error.status, media_type=PROBLEM_JSON)


def _follows_a_link(headers: Headers) -> bool:
    """Whether a browser asks for a page of its own window, and not for a part of another page, such as a frame."""
    return (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest", "document")) == ("navigate", "document")


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def without_port(host: str) -> str:
    """Return the name of a `Host` header, in lower case."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()
