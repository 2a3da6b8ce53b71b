"""The review over HTTP: from a query to a review, and on to another index version."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Request

from app.identity.people import CurrentPerson
from app.pools.queries import class_named, pool_named
from app.registry.queries import VersionLine, version
from app.registry.serving import keep_version
from app.review import bodies, queries
from app.review.answers import review_out
from app.review.moving import move, vectors_there
from app.review.new_review import OPENAPI, WantedReview
from app.review.opening import opened_version
from app.review.starting import query_of, query_of_second, version_to_pin
from app.review.uploads import UploadStore
from app.review.vectors import Embed
from app.sessions import ReadSession
from app.words import FIRST, SECOND

router = APIRouter(prefix="/api/v1", tags=["reviews"])


@router.post("/pools/{pool}/reviews", status_code=201, summary="Start a review", openapi_extra=OPENAPI)
def start_review(
    pool: str,
    wanted: WantedReview,
    request: Request,
    person: CurrentPerson,
) -> bodies.ReviewOut:
    """Start from images of the pool, parts of them, uploads, or what the class has accepted.

    Unwanted images are what to stay away from; they get no verdict by that. A second review starts from nothing: it
    shows what others accepted and this person has not judged. The review stays on the index version served now.
    """
    state = request.app.state
    # Read apart: a large upload takes a second to decode, for which nobody else's writing should wait.
    with state.database.read() as session:
        pool_line = pool_named(session, name=pool)
        class_line = class_named(session, pool_id=pool_line.id, name=wanted.class_name)
        pinned = version_to_pin(session, pool_id=pool_line.id)
        row_map = opened_version(request, session, pinned)[1]
        if wanted.query is None:
            query = query_of_second(session, class_id=class_line.id, person_id=person.id, row_map=row_map)
        else:
            query = query_of(
                session,
                wanted.query,
                wanted.uploads,
                pool_id=pool_line.id,
                class_id=class_line.id,
                row_map=row_map,
                embed=_embed(request, pinned),
                store=_uploads(request),
            )
    with state.database.write() as session:
        keep_version(session, pool_id=pool_line.id, version_id=pinned.id)
        review_id = queries.add_review(
            session,
            pool_id=pool_line.id,
            class_id=class_line.id,
            person_id=person.id,
            index_version_id=pinned.id,
            query=query,
            kind=FIRST if wanted.query else SECOND,
        )
        return review_out(session, review_id)


@router.get("/reviews/{review_id}", summary="Show a review")
def show_review(review_id: int, session: ReadSession) -> bodies.ReviewOut:
    """What it started from, its pages so far, the class's totals."""
    return review_out(session, review_id)


@router.put("/reviews/{review_id}/index-version", summary="Move a review")
def move_review(
    review_id: int,
    request: Request,
    wanted: Annotated[bodies.NewVersion | None, Body()] = None,
) -> bodies.ReviewOut:
    """Go on with a review on the index version served now, or on another one of the pool. All verdicts stay."""
    state = request.app.state
    with state.database.read() as session:
        review = queries.review(session, review_id=review_id)
        named = wanted and wanted.index_version
        to = version(session, id=named) if named else version_to_pin(session, pool_id=review.pool_id)
        vectors = vectors_there(
            session,
            review=review,
            pinned=version(session, id=review.index_version_id),
            to=to,
            embed=_embed(request, to),
            store=_uploads(request),
        )
    with state.database.write() as session:
        move(session, review=review, to=to, vectors=vectors)
        return review_out(session, review_id)


def _embed(request: Request, pinned: VersionLine) -> Embed:
    state = request.app.state
    return partial(state.encoders.vector, pinned.encoder, pinned.digest, max_pixels=state.settings.max_pixels)


def _uploads(request: Request) -> UploadStore:
    state = request.app.state
    return UploadStore(state.settings.uploads, state.thumbnails, state.settings.max_pixels)
