"""Reads the request that starts a review: JSON that names images, or a form that brings uploads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from app.errors import Invalid, UnsupportedMedia
from app.review.bodies import NewReview, QueryBody

MOST_UPLOADS = 20

Model = TypeVar("Model", bound=BaseModel)


def _openapi() -> dict[str, Any]:
    """Describe both bodies. The models' own schemas stand within them: FastAPI does not know that they are used."""
    query = QueryBody.model_json_schema(ref_template="#/$defs/{model}")
    crop = query.pop("$defs")["CropBody"]
    query["properties"]["crops"]["items"] = crop
    class_name = {"type": "string", "description": "The name of a class of the pool."}
    uploads = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": MOST_UPLOADS}
    in_form = {**query, "description": "As JSON. An upload that crops name counts by those parts alone."}
    kind = {
        "type": "string",
        "enum": ["first", "second"],
        "default": "first",
        "description": "`second`: of what others accepted; it takes no query. A first one needs it.",
    }
    json_body = {
        "type": "object",
        "required": ["class"],
        "properties": {"class": class_name, "kind": kind, "query": query},
    }
    form = {
        "type": "object",
        "required": ["class", "upload"],
        "properties": {"class": class_name, "upload": uploads, "query": in_form},
    }
    content = {"application/json": {"schema": json_body}, "multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


OPENAPI = _openapi()


class WrongContentType(UnsupportedMedia):
    """Send JSON that names images, or a multipart form with “class” and “upload”."""


class FormIncomplete(Invalid):
    """The form needs a “class” and an “upload”."""


class NoSuchUpload(Invalid):
    """A part is of an upload that the form does not bring."""


@dataclass(frozen=True)
class Upload:
    name: str  # of the file, fit for a sentence; may be empty
    data: bytes


@dataclass(frozen=True)
class Wanted:
    """A review to be started. The crops that are parts of uploads name only those that are here."""

    class_name: str
    query: QueryBody | None  # None of a second review: what it starts from is what others accepted
    uploads: tuple[Upload, ...] = ()


async def wanted_review(request: Request) -> Wanted:
    """Read the request's body in whichever of its two forms it came."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        body = _read(NewReview, await request.body())
        wanted = Wanted(body.class_name, body.query)
    elif content_type == "multipart/form-data":
        wanted = await _from_form(request)
    else:
        raise WrongContentType
    for crop in wanted.query.crops if wanted.query else []:
        if crop.upload is not None and crop.upload >= len(wanted.uploads):
            raise NoSuchUpload(f"A part is of upload {crop.upload}; the request brings {len(wanted.uploads)} of them.")
    return wanted


WantedReview = Annotated[Wanted, Depends(wanted_review)]


async def _from_form(request: Request) -> Wanted:
    try:
        async with request.form(max_files=MOST_UPLOADS, max_fields=4) as form:
            class_name, query, uploads = form.get("class"), form.get("query", "{}"), await _uploads(form)
    except HTTPException as error:
        raise FormIncomplete(f"The form cannot be read. {error.detail}") from error
    if not isinstance(class_name, str) or not isinstance(query, str) or not uploads:
        raise FormIncomplete
    return Wanted(class_name, _read(QueryBody, query, within="query"), uploads)


async def _uploads(form: FormData) -> tuple[Upload, ...]:
    files = [file for file in form.getlist("upload") if isinstance(file, UploadFile)]
    return tuple([Upload(_readable(file.filename or ""), await file.read()) for file in files])


def _readable(name: str) -> str:
    return "".join(character for character in name if character.isprintable())[-100:]


def _read(model: type[Model], text: str | bytes, *, within: str | None = None) -> Model:
    place: Sequence[str] = ("body", within) if within else ("body",)
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**fault, "loc": (*place, *fault["loc"])} for fault in faults]) from error
