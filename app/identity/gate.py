"""The gate: nobody gets to a route without a rule that lets them, and each request learns who asks."""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.db import Database
from app.errors import Forbidden
from app.identity.access import Found, Who, check, methods_of, rule_for
from app.identity.asking import Shown, who_asks
from app.identity.guard import TooLarge, body_length
from app.identity.nearness import is_from_here
from app.identity.people import Asking, NotLoggedIn
from app.pages import below_prefix, is_for_a_person, url

# What nobody has to be known for: a name, a password, and the page to go to.
LARGEST_OF_ANYONE = 16 * 1024


class NotAtTheMachine(Forbidden):
    """Nobody can log in yet, so only this machine is answered; add a person there: winnow user add NAME --admin."""


class NobodyYet(Forbidden):
    """Nobody can log in yet, and this server is set up for a proxy; add a person: winnow user add NAME --admin."""


class Gate:
    """Pure ASGI middleware, so that it stands before all routes alike, and before any body is read.

    A small body that comes at once is there before it looks. Otherwise it looks twice where there is a body, which may
    come long after its headers: before, so that nobody unknown makes the server read, and once all of it is there, so
    that whoever may no longer do this does not. Routes find who asks in `request.state.asking`, and those that change
    who gets in look once more (`sure.py`). What it raises is told like any other error.
    """

    def __init__(
        self, app: ASGIApp, *, database: Database, log_in_days: int, trust_local: bool, for_others: bool = False
    ) -> None:
        self.app = app
        self.database = database
        self.log_in_days = log_in_days
        self.trust_local = trust_local
        self.for_others = for_others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise RuntimeError("The table of rules knows no web sockets.")
        request = Request(scope)
        request.state.asking = Asking()
        path = below_prefix(scope)
        found = request.state.found = rule_for(request.method, path)
        if found is None:
            # Starlette leads an address with a slash too many, or one too few, to the one without.
            if rule_for(request.method, path[:-1] if path.endswith("/") else f"{path}/") is None:
                _refuse(path)
        elif found.rule.who is Who.ANYONE:
            if body_length(request.headers) > LARGEST_OF_ANYONE:
                raise TooLarge.over(LARGEST_OF_ANYONE)
        else:
            length = body_length(request.headers)
            whole = length == 0 and "transfer-encoding" not in request.headers
            # No more than anybody may send, and enough for a page of verdicts by name.
            if 0 < length <= LARGEST_OF_ANYONE:
                first = await receive()
                whole = not first.get("more_body", False)
                receive = _once_more(first, receive)
            try:
                await self._let_in(request, found)
            except NotLoggedIn:
                if request.method != "GET" or not is_for_a_person(request):
                    raise
                await RedirectResponse(_to_log_in(request, path), status_code=303)(scope, receive, send)
                return
            if not whole:
                await self._look_again_after_the_body(request, found, receive, send)
                return
        await self.app(scope, receive, send)

    async def _let_in(self, request: Request, found: Found) -> None:
        asking = await run_in_threadpool(self._who_asks, request, found)
        if asking.way == "local" and not self.trust_local:
            # A proxy that does not name itself makes everybody come from this machine.
            if self.for_others:
                raise NobodyYet
            if not is_from_here(request):
                raise NotAtTheMachine
        request.state.asking = asking
        try:
            check(found, asking)
        except NotLoggedIn:
            if _is_of_a_program(request):
                raise NotLoggedIn.of_a_program() from None
            raise

    async def _look_again_after_the_body(self, request: Request, found: Found, receive: Receive, send: Send) -> None:
        refusal: Exception | None = None
        answering = False

        async def receive_and_look_again() -> Message:
            nonlocal refusal
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False) and not answering:
                try:
                    await self._let_in(request, found)
                except Exception as error:
                    refusal = error
                    # FastAPI passes on this kind alone; any other it takes for a body that cannot be read.
                    raise HTTPException(403) from error
            return message

        async def send_unless_refused(message: Message) -> None:
            nonlocal answering
            # Whatever a route makes of the exception, what is told is the refusal itself.
            if refusal is None:
                answering = True
                await send(message)

        await self.app(request.scope, receive_and_look_again, send_unless_refused)
        if refusal is not None:
            raise refusal

    def _who_asks(self, request: Request, found: Found) -> Asking:
        return who_asks(self.database, Shown.by(request), found, log_in_days=self.log_in_days)


def _once_more(first: Message, receive: Receive) -> Receive:
    """Return what receives the first message again, then the others."""
    waiting = [first]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received


def _refuse(path: str) -> None:
    methods = methods_of(path)
    if methods:
        raise HTTPException(405, headers={"Allow": ", ".join(methods)})
    raise HTTPException(404)


def _is_of_a_program(request: Request) -> bool:
    """Whether no browser asks: each names its page, also once somebody has logged out in another tab."""
    named = {"cookie", "origin", "referer", "sec-fetch-site"}
    return below_prefix(request.scope).startswith("/api/") and named.isdisjoint(request.headers.keys())


def _to_log_in(request: Request, path: str) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    # The path comes without its quotes: a pool may be named “a?b#c”.
    came_from = None if path == "/" else quote(path) + query
    ended = "true" if Shown.by(request).cookie else None
    return url(request, "log-in", next=came_from, ended=ended)
