"""The API of one image: what is known of it, and its original."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from app.identity.people import CurrentAsking
from app.pools.bodies import ImageOut, PlaceOut, problem_response
from app.pools.errors import ImageNotFound
from app.pools.images import image_by_hash, originals_of, places_of
from app.pools.originals import intact_original, record_png
from app.sessions import BriefSession, ReadSession

router = APIRouter(prefix="/images/{id}", tags=["images"])

_NO_IMAGE = problem_response(404, "There is no such image.")
_ORIGINAL_LOST = problem_response(404, "There is no such image, or its file is gone.")
_ORIGINAL_CHANGED = problem_response(409, "The file has changed since it was imported.")

_MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
}


@router.get("", summary="Look at an image", responses=_NO_IMAGE)
def look_at_image(session: ReadSession, asking: CurrentAsking, id: str) -> ImageOut:
    """Its size and where it lies, in all pools that hold it and that you may see."""
    image = image_by_hash(session, id)
    places = places_of(session, image_id=image.id, only=asking.only)
    if not places:
        # Somebody's upload may be another pool's picture; that it is there too is not theirs to know.
        raise ImageNotFound
    return ImageOut(
        id=image.sha256,
        width=image.width,
        height=image.height,
        format=image.format,
        places=[PlaceOut.model_validate(place) for place in places],
    )


@router.get(
    "/file",
    summary="Original of an image",
    response_class=Response,
    responses={200: {"content": {"image/*": {}}, "description": "The file's bytes; a record of a binary file as PNG."}}
    | _ORIGINAL_LOST
    | _ORIGINAL_CHANGED,
)
def original(session: BriefSession, asking: CurrentAsking, id: str) -> Response:
    """The very bytes that were imported, from where they lie."""
    image = image_by_hash(session, id)
    originals = originals_of(session, image_id=image.id, only=asking.only)
    if not originals:
        raise ImageNotFound
    file, original = intact_original(originals)
    name = original.path.rpartition("/")[2]
    if original.record is not None:
        return Response(record_png(file, original.record), media_type="image/png", headers=_headers(f"{name}.png"))
    return FileResponse(file, media_type=_MEDIA_TYPES[image.format], headers=_headers(name))


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"inline; filename*=UTF-8''{quote(name, safe='')}"}
