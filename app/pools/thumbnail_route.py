"""Serves thumbnails. A page shows sixty at once, so this is the one route that does without FastAPI's machinery."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from app.pools.errors import BadThumbnailSize, ThumbnailNotFound
from app.pools.thumbnails import LARGE, SMALL, Size

_ID = re.compile(r"[0-9a-f]{64}")
_SIZES: dict[str, Size] = {"256": SMALL, "1024": LARGE}
# For the browser alone: a cache that several people share does not know who may see what.
_FOREVER = "private, max-age=31536000, immutable"


def thumbnail(
    request: Request,
    id: Annotated[str, Path(description="The image's SHA-256 in hex.")],
    size: Annotated[Size, Query(description="Pixels of the longest side, at most.")] = SMALL,
) -> Response:
    """A WebP that may be cached for ever. A picture that is smaller than the size is not enlarged."""
    if not _ID.fullmatch(id):
        raise ThumbnailNotFound
    headers = {"Cache-Control": _FOREVER, "ETag": f'"{id}-{size}"'}
    # The id is the hash of the picture: whoever has something under this tag has the right thing.
    if headers["ETag"] in request.headers.get("If-None-Match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    webp = request.app.state.thumbnails.read(id, size)
    if webp is None:
        raise ThumbnailNotFound
    return Response(webp, media_type="image/webp", headers=headers)


class _BareRoute(APIRoute):
    """A route that is described like any other, but answered without dependencies, models or threads."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        # A few kilobytes from the system's cache: to hand this to a thread would take longer than to do it.
        async def answer(request: Request) -> Response:
            return thumbnail(request, request.path_params["id"], _size(request))

        return answer


def _size(request: Request) -> Size:
    asked = request.query_params.get("size", str(SMALL))
    if asked not in _SIZES:
        raise BadThumbnailSize
    return _SIZES[asked]


thumbnail_routes: list[BaseRoute] = [
    _BareRoute(
        "/api/v1/images/{id}/thumbnail",
        thumbnail,
        tags=["images"],
        summary="Thumbnail of an image",
        response_class=Response,
        responses={
            200: {"content": {"image/webp": {}}, "description": "The thumbnail."},
            304: {"description": "The browser has it; `If-None-Match` was its `ETag`."},
            404: {"description": "No image with this id has thumbnails."},
        },
    )
]
