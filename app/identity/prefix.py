"""The path prefix of a reverse proxy, whether the proxy takes it off or leaves it on."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefix:
    """Pure ASGI middleware: puts the prefix before a path that lacks it, as ASGI has it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = scope.get("root_path", "")
        if prefix and scope["type"] != "lifespan":
            path = scope["path"]
            if path != prefix and not path.startswith(f"{prefix}/"):
                scope = {**scope, "path": prefix + path}
        await self.app(scope, receive, send)
