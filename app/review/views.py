"""The page on which a review is worked."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.db import ReadSession
from app.pages import page
from app.review import queries

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class ReviewPage:
    """The frame of a review; its pages and counts come from the API, so that they are never older than the work."""

    review: queries.ReviewLine
    query: list[queries.QueryPicture]


@router.get("/reviews/{review}")
def review(request: Request, session: ReadSession, review: int) -> HTMLResponse:
    context = ReviewPage(
        review=queries.review(session, review_id=review),
        query=queries.query_pictures(session, review_id=review),
    )
    return page(request, "review/review.html", context)
