"""The page on which one logs in; it works without a script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.identity.cookies import set_cookie
from app.identity.log_ins import TooManyAttempts, WrongPassword
from app.identity.routes import end_log_in, new_log_in
from app.identity.secrets import TooManyLogIns
from app.pages import page, prefix, url
from app.sessions import WriteSession

router = APIRouter(include_in_schema=False)

Next = Annotated[str, Query(max_length=4000)]


@dataclass(frozen=True)
class LogInPage:
    next: str  # the path to go to afterwards
    name: str
    problem: str | None  # why it did not work, in a sentence
    left: bool = False  # whether somebody has just logged out
    ended: bool = False  # whether the browser showed a log-in that is valid no more


@router.get("/log-in")
def log_in_page(request: Request, next: Next = "/", left: bool = False, ended: bool = False) -> Response:
    return page(request, "identity/log_in.html", LogInPage(own_path(next), "", None, left, ended))


@router.post("/log-in")
async def log_in(
    request: Request,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    target = own_path(next)
    try:
        secret = await new_log_in(request, name=name, password=password)
    except (WrongPassword, TooManyAttempts, TooManyLogIns) as error:
        context = LogInPage(target, name, error.sentence)
        answer: Response = page(request, "identity/log_in.html", context, status=error.status)
        answer.headers.update(error.headers)
        return answer
    answer = RedirectResponse(prefix(request.scope) + target, status_code=303)
    set_cookie(request, answer, secret)
    return answer


@router.post("/log-out")
def log_out(request: Request, session: WriteSession) -> Response:
    answer = RedirectResponse(url(request, "log-in", left="true"), status_code=303)
    end_log_in(request, answer, session)
    return answer


def own_path(text: str) -> str:
    """Return the path if it leads to a page of this server, whatever a browser makes of it, else the home page's."""
    # Browsers take "//host", "/\host" and a slash after a tab for another host.
    harmless = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if harmless else "/"
