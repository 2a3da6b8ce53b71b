"""The path prefix of a reverse proxy, whether the proxy takes it off or leaves it on."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """Pure ASGI middleware: says what the prefix is, and puts it before a path that lacks it, as ASGI has it."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            path = scope["path"]
            is_below = path == self.prefix or path.startswith(f"{self.prefix}/")
            scope = {**scope, "root_path": self.prefix, "path": path if is_below else self.prefix + path}
        await self.app(scope, receive, send)
