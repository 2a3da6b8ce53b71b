"""Pages for people: how templates are rendered, and how an error is told to a browser or to a program."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import DataError, InterfaceError, OperationalError, TimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.errors import AppError, problem
from app.logs import request_id
from app.settings import PROJECT

if TYPE_CHECKING:
    from _typeshed import DataclassInstance, StrPath

PROBLEM_JSON = "application/problem+json"
STATIC = PROJECT / "static"
_MARK_DIGITS = 12
_MARKED = re.compile(rf"[0-9a-f]{{{_MARK_DIGITS}}}")

log = logging.getLogger(__name__)


def page(request: Request, template: str, context: DataclassInstance, *, status: int = 200) -> HTMLResponse:
    """Render a template with the fields of its context; a field that the context lacks is an error."""
    variables = {field.name: getattr(context, field.name) for field in fields(context)}
    html = _environment().get_template(template).render(variables, **_of_the_request(request))
    # A page shows the state of a moment: the back button must not bring an old one.
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


def url(request: Request, *parts: object, **query: object) -> str:
    """Return the path of an address of this server, below whatever prefix a proxy has put it.

    Each part is one segment and is quoted as such: `url(request, "pools", "my cats?")` is `/pools/my%20cats%3F`.
    """
    path = "/".join(quote(str(part), safe="") for part in parts)
    wanted = {name: value for name, value in query.items() if value is not None}
    return f"{prefix(request.scope)}/{path}" + (f"?{urlencode(wanted)}" if wanted else "")


def is_for_a_person(request: Request) -> bool:
    """Whether the answer is to be a page: a browser asks, and not for the API."""
    return "text/html" in request.headers.get("accept", "") and not below_prefix(request.scope).startswith("/api/")


def below_prefix(scope: Scope) -> str:
    """Return a request's path as the routes know it, whatever prefix a proxy shows it under."""
    return str(scope["path"]).removeprefix(prefix(scope))


def prefix(scope: Scope) -> str:
    """Return the prefix under which a proxy shows this server; "" without one."""
    # Whatever is mounted, as the static files are, gets a longer one of its own, which stays when its error is told.
    found: str = scope.get("app_root_path", scope.get("root_path", ""))
    return found


def short(value: float) -> str:
    """Return a number with as many digits as one looks at."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def refusal(request: Request, error: AppError) -> Response:
    """Tell an error before anything of the request is believed: to a browser by a page that leads nowhere.

    Its host may be any, such as a foreign name for this machine: what the page linked or loaded would be asked of that.
    """
    return _answer(request, problem(error), headers=error.headers, template="refusal.html")


def install(app: FastAPI) -> None:
    """Serve the static files, and answer every error with its sentence: as problem JSON, or to a browser as a page."""

    def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, AppError)
        return _answer(request, problem(error), headers=error.headers)

    def unusable(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [_fault(item) for item in error.errors()]
        if any(item["type"] == "json_invalid" for item in error.errors()):
            return _answer(request, _problem(422, "The body of the request is not JSON.", "invalid", errors=faults))
        sentence = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults)
        return _answer(request, _problem(422, f"The request cannot be used. {sentence}.", "invalid", errors=faults))

    def unstorable(request: Request, error: Exception) -> Response:
        # Such as a number of forty digits, half a surrogate pair, or a null byte: no database takes them.
        sentence = "A value in the request is outside of what can be stored or looked up."
        return _answer(request, _problem(422, sentence, "unstorable"))

    def silent(request: Request, error: Exception) -> Response:
        # %r, here and below: anybody may put into an address what a terminal obeys.
        if _is_full(error):
            log.error("%s %r: there is no room for the database.", request.method, request.url.path, exc_info=error)
            sentence = "The disk of the database is full, so nothing of this was stored; try again when there is room."
            return _answer(request, _problem(503, sentence, "disk-full", reference=_reference()))
        if _is_held(error):
            log.warning("%s %r: others held what it needs for too long.", request.method, request.url.path)
            sentence = "Something large is being stored here just now, so nothing of this was; try again in a moment."
            return _answer(request, _problem(503, sentence, "busy", reference=_reference()), {"Retry-After": "1"})
        log.error("%s %r: the database does not answer.", request.method, request.url.path, exc_info=error)
        sentence = "The database does not answer just now; try again in a moment."
        return _answer(request, _problem(503, sentence, "database-silent", reference=_reference()))

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        sentence = _HTTP_SENTENCES.get(error.status_code, f"{str(error.detail).rstrip('.')}.")
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        return _answer(request, _problem(error.status_code, sentence, code), headers=error.headers)

    def unknown(request: Request, error: Exception) -> Response:
        # Whoever looks after the server finds the trace beside this number; nobody else learns anything from it.
        reference = _reference()
        log.error("Reference %s: %s %r failed.", reference, request.method, request.url.path, exc_info=error)
        sentence = f"Something went wrong on the server. Its log tells more under the reference {reference}."
        answer = _problem(500, sentence, "internal-error", reference=reference)
        # This answer is made outside of all middleware.
        return _answer(request, answer, headers={"X-Request-ID": reference})

    app.mount("/static", _StaticFiles(directory=STATIC))
    app.add_exception_handler(AppError, known)
    app.add_exception_handler(RequestValidationError, unusable)
    app.add_exception_handler(HTTPException, refused)
    for beyond in (DataError, OverflowError, UnicodeEncodeError):
        app.add_exception_handler(beyond, unstorable)
    for unreachable in (OperationalError, InterfaceError, TimeoutError):
        app.add_exception_handler(unreachable, silent)
    app.add_exception_handler(Exception, unknown)


class _Marked(NamedTuple):
    """The static files as they were when this process first looked."""

    mark: str  # tells them from those of another version of Winnow: the same wherever they are the same
    seen: dict[str, tuple[int, int]]  # each file's size and moment of change


@cache
def _marked() -> _Marked:
    content = hashlib.sha256()
    seen = {}
    for file in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        name = str(file.relative_to(STATIC))
        # Before it is read: if it changes in between, it is taken for another one.
        seen[name] = _state(file.stat())
        content.update(b"%s\0%s\0" % (name.encode(), file.read_bytes()))
    return _Marked(content.hexdigest()[:_MARK_DIGITS], seen)


def _state(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns


class _StaticFiles(StaticFiles):
    """Files that a browser keeps, by addresses that change with any of them, as `/static/0123456789ab/js/app.js`.

    A page is made of nearly a hundred, of which none is asked for again. By an address without a mark, or with another
    version's, as while several hosts are being updated, a browser asks each time. So it does for a file that was
    replaced under a running server, whose addresses stay: kept by them, it would outlive a return to the old version.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        mark, _, rest = path.partition("/")
        return await super().get_response(rest if _MARKED.fullmatch(mark) else path, scope)

    def file_response(
        self, full_path: StrPath, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        mark, _, name = self.get_path(scope).partition("/")
        same = mark == _marked().mark and _marked().seen.get(name) == _state(stat_result)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if same else "no-cache"
        return response


_HTTP_SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not answer to that method.",
}


def _is_full(error: Exception) -> bool:
    """Whether a database says that it cannot write: SQLite in these words, PostgreSQL by this state."""
    origin = getattr(error, "orig", None)
    told = str(origin)
    return getattr(origin, "sqlstate", None) == "53100" or "disk is full" in told or "disk I/O error" in told


def _is_held(error: Exception) -> bool:
    """Whether a transaction gave way to others: it waited too long, or they for each other (PostgreSQL, SQLite)."""
    origin = getattr(error, "orig", None)
    return getattr(origin, "sqlstate", None) in {"55P03", "40P01"} or "database is locked" in str(origin)


def _reference() -> str:
    """Return the id of the request, under which the log tells more."""
    return request_id.get() or secrets.token_hex(8)


def _fault(item: Any) -> dict[str, str]:
    place: Sequence[object] = item["loc"][1:] if item["loc"][:1] in (("body",), ("query",), ("path",)) else item["loc"]
    # Pydantic puts its own name for the fault before what our models say.
    message = str(item["msg"]).removeprefix("Value error, ")
    return {"field": ".".join(map(str, place)) or "body", "message": message}


def _problem(status: int, sentence: str, code: str, **more: object) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": sentence, "code": code, **more}


def _answer(
    request: Request, content: dict[str, Any], headers: Any = None, *, template: str = "error.html"
) -> Response:
    status = int(content["status"])
    if not is_for_a_person(request):
        return JSONResponse(content, status_code=status, headers=headers, media_type=PROBLEM_JSON)
    html = _environment().get_template(template).render(problem=content, **_of_the_request(request))
    return HTMLResponse(html, status_code=status, headers=headers)


def _of_the_request(request: Request) -> dict[str, Any]:
    """What every template knows: the addresses of this server, and who asks (`app.identity.people.Asking`)."""
    asking = getattr(request.state, "asking", None)
    return {"url": partial(url, request), "static": url(request, "static", _marked().mark), "asking": asking}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PROJECT / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["counted"] = _counted
    environment.filters["moment"] = _moment
    environment.filters["short"] = short
    return environment


def _counted(count: int, singular: str, plural: str | None = None) -> str:
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def _moment(value: datetime) -> str:
    return value.strftime("%-d %b %Y, %H:%M UTC")
