"""The cookie of a log-in: 256 random bits, which state nothing, so that there is nothing to sign."""

from __future__ import annotations

from fastapi import Request, Response

from app.pages import prefix

# As long as browsers keep one at most. When a log-in ends, the database says.
_KEPT_S = 400 * 24 * 3600


def cookie_name(request: Request) -> str:
    """Return the cookie's name: where the browser can see to it that no other site sets it, one that makes it do so."""
    return "__Host-winnow" if request.url.scheme == "https" and _path(request) == "/" else "winnow"


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Give the browser the secret of its log-in."""
    response.set_cookie(
        cookie_name(request),
        secret,
        max_age=_KEPT_S,
        path=_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response) -> None:
    """Let the browser forget its log-in."""
    response.delete_cookie(
        cookie_name(request),
        path=_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def _path(request: Request) -> str:
    return prefix(request.scope) or "/"
