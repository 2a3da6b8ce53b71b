"""Reads the request that starts a review: JSON that names images, or a form with an upload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from app.errors import Invalid, UnsupportedMedia
from app.review.bodies import NewReview

OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["class", "query"],
                    "properties": {
                        "class": {"type": "string"},
                        "query": {
                            "type": "object",
                            "required": ["images"],
                            "properties": {"images": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
                        },
                    },
                }
            },
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["class", "upload"],
                    "properties": {"class": {"type": "string"}, "upload": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


class WrongContentType(UnsupportedMedia):
    """Send JSON that names images, or a multipart form with “class” and “upload”."""


class FormIncomplete(Invalid):
    """The form needs a “class” and an “upload”."""


@dataclass(frozen=True)
class Wanted:
    """A review to be started, from images or from one upload."""

    class_name: str
    images: tuple[str, ...] = ()
    upload: bytes | None = None


async def wanted_review(request: Request) -> Wanted:
    """Read the request's body in whichever of its two forms it came."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        return await _from_json(request)
    if content_type == "multipart/form-data":
        return await _from_form(request)
    raise WrongContentType


WantedReview = Annotated[Wanted, Depends(wanted_review)]


async def _from_json(request: Request) -> Wanted:
    try:
        body = NewReview.model_validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error
    return Wanted(body.class_name, tuple(body.query.images))


async def _from_form(request: Request) -> Wanted:
    try:
        async with request.form(max_files=1, max_fields=4) as form:
            class_name, upload = form.get("class"), form.get("upload")
            if not isinstance(class_name, str) or not isinstance(upload, UploadFile):
                raise FormIncomplete
            return Wanted(class_name, upload=await upload.read())
    except HTTPException as error:
        raise FormIncomplete(f"The form cannot be read. {error.detail}") from error
