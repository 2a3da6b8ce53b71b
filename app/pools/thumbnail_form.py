"""Serves the thumbnails of a page in one answer: sixty requests cost a server, and a browser, twenty times as much.

Only the small ones, some 6 kB each: of the large ones, 500 would be 29 MB, in memory twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints

from app.pools.bodies import Body, problem_response
from app.pools.held import held_images
from app.pools.queries import pool_named
from app.pools.thumbnails import SMALL
from app.sessions import BriefSession
from app.turnstile import beside

router = APIRouter(prefix="/pools/{pool}/thumbnails", tags=["images"])


class WantedThumbnails(Body):
    images: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]],
        Field(min_length=1, max_length=500, description="Images of the pool, by the SHA-256 of their bytes in hex."),
    ]


@router.post(
    "",
    summary="Thumbnails of many images",
    dependencies=[beside],
    response_class=Response,
    responses={
        200: {
            "content": {"multipart/form-data": {"schema": {"type": "string", "format": "binary"}}},
            "description": "A form with a WebP file for each image, under its id.",
        }
    }
    | problem_response(404, "There is no such pool.")
    | problem_response(422, "The pool does not hold one of the images; the sentence names it."),
)
def thumbnails(pool: str, wanted: WantedThumbnails, request: Request, session: BriefSession) -> Response:
    """In the order asked, in the form that browsers read by `response.formData()`. Those that have none are left out.

    Only those of 256 pixels; larger ones are asked for one by one. Each is the same as by itself, which is what may be
    kept for ever.
    """
    held = held_images(session, pool_id=pool_named(session, name=pool).id, images=wanted.images)
    found = {image: request.app.state.thumbnails.read(image, SMALL) for image in held}
    boundary = secrets.token_hex(16)
    form = as_form({image: webp for image, webp in found.items() if webp is not None}, boundary=boundary)
    return Response(form, media_type=f"multipart/form-data; boundary={boundary}")


def as_form(files: Mapping[str, bytes], *, boundary: str) -> bytes:
    """Return WebP files by name as a multipart form (RFC 7578). Names are of the letters of hex alone."""
    parts: list[bytes] = []
    for name, content in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.webp"\r\n'
        parts += [head.encode(), b"Content-Type: image/webp\r\n\r\n", content, b"\r\n"]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()])
