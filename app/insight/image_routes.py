"""An image of a pool: why it has its labels, over HTTP and as a page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.insight.why import Why, why
from app.pages import page
from app.pools.errors import ImageNotFound
from app.pools.held import NotInThisPool, held_images
from app.pools.images import PlaceLine, places_of
from app.pools.queries import class_named, pool_named
from app.sessions import ReadSession

router = APIRouter()

QUERY_PICTURES_SHOWN = 4


class LabelOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    class_name: str = Field(serialization_alias="class")
    value: str = Field(description="`accept`, `reject`, `unsure`, or `open` while the pool's rule wants more verdicts.")
    disputed: bool
    verdict_id: int = Field(serialization_alias="verdict", description="The verdict that it rests on.")


class QueryPictureOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    sha256: str = Field(description="Of an image, or of an upload.")
    wanted: bool
    crop: dict[str, Any] | None


class VerdictOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    value: str
    basis: str = Field(description="`seen`, `stack` or `sample`.")
    bound: float | None = Field(description="The share of matches that was stated of the lot it was accepted with.")
    score: float | None = Field(description="Comparable within its page only.")
    class_name: str = Field(serialization_alias="class", description="As it was given.")
    counts_for: str = Field(description="Another class, if its own was merged.")
    person: str
    at: datetime
    kind: str = Field(description="`page`, `lot`, `correction`, `settlement` or `import`.")
    commit_id: int = Field(serialization_alias="commit")
    review_id: int | None = Field(serialization_alias="review")
    page_id: int | None = Field(serialization_alias="page", description="Of a lot, its sample's first.")
    page_number: int | None
    encoder: str | None
    index_version: int | None
    undone_by: str | None
    undone_at: datetime | None
    query: list[QueryPictureOut] = Field(description="What its review started from.")


class WhyOut(BaseModel):
    image: str
    paths: list[str]
    rule: str = Field(description="What the verdicts of several people amount to, in a sentence.")
    labels: list[LabelOut] = Field(description="What is in force.")
    verdicts: list[VerdictOut] = Field(description="All that were ever given, the latest first.")


@dataclass(frozen=True)
class ImagePage:
    pool: str
    image: str
    places: list[PlaceLine]
    why: Why
    pictures: int  # of a query, shown at most


@router.get("/api/v1/pools/{pool}/images/{image}/why", tags=["labels"], summary="Why has this image this label?")
def why_labelled(
    session: ReadSession,
    pool: str,
    image: str,
    class_name: Annotated[str | None, Query(alias="class", description="Only this class.")] = None,
) -> WhyOut:
    """All verdicts on it with pages, queries, scores, encoders and people, and the labels that they amount to."""
    pool_name, pool_id, image_id = _found(session, pool, image)
    class_id = None if class_name is None else class_named(session, pool_id=pool_id, name=class_name).id
    found = why(session, pool_id=pool_id, image_id=image_id, class_id=class_id)
    return WhyOut(
        image=image,
        paths=[place.path for place in _places(session, pool_name, image_id)],
        rule=found.rule,
        labels=[LabelOut.model_validate(label) for label in found.labels],
        verdicts=[VerdictOut.model_validate(given) for given in found.verdicts],
    )


@router.get("/pools/{pool}/images/{image}", include_in_schema=False)
def image_page(request: Request, session: ReadSession, pool: str, image: str) -> HTMLResponse:
    pool_name, pool_id, image_id = _found(session, pool, image)
    context = ImagePage(
        pool=pool_name,
        image=image,
        places=_places(session, pool_name, image_id),
        why=why(session, pool_id=pool_id, image_id=image_id),
        pictures=QUERY_PICTURES_SHOWN,
    )
    return page(request, "insight/image.html", context)


def _found(session: Session, pool: str, image: str) -> tuple[str, int, int]:
    """Return the pool's name and id, and the image's id. Raises PoolNotFound and ImageNotFound."""
    pool_line = pool_named(session, pool)
    try:
        return pool_line.name, pool_line.id, held_images(session, pool_id=pool_line.id, images=[image])[image]
    except NotInThisPool as error:
        raise ImageNotFound(error.sentence) from error


def _places(session: Session, pool: str, image_id: int) -> list[PlaceLine]:
    return [place for place in places_of(session, image_id=image_id) if place.pool == pool]
