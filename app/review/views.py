"""The page on which a review is worked, and each page of it as it was stored."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.identity.people import CurrentAsking
from app.pages import page
from app.registry.queries import VersionLine, version
from app.review import page_queries, queries, stored_pages
from app.sessions import ReadSession
from app.verdicts.rules import pool_rule

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class ReviewPage:
    """The frame of a review; its pages and counts come from the API, so that they are never older than the work."""

    review: queries.ReviewLine
    query: list[queries.QueryPicture]
    wants_several: bool  # the rule of the pool: what one person says is no label yet


@dataclass(frozen=True)
class ReviewOfAnother:
    """A review that somebody else goes on with: what they stored so far."""

    review: queries.ReviewLine
    query: list[queries.QueryPicture]
    pages: list[page_queries.PageLine]  # the latest first


@dataclass(frozen=True)
class StoredPage:
    """A page to be looked at and taken back, not worked on."""

    page: page_queries.PageLine
    review: queries.ReviewLine
    query: list[queries.QueryPicture]
    version: VersionLine  # that it was ranked by
    commits: list[stored_pages.PageCommit]  # the latest first
    tiles: list[stored_pages.StoredTile]


@router.get("/reviews/{review}")
def review(request: Request, session: ReadSession, asking: CurrentAsking, review: int) -> HTMLResponse:
    line = queries.review(session, review_id=review)
    query = queries.query_pictures(session, review_id=review)
    if asking.began:
        rule = pool_rule(session, pool_id=line.pool_id)
        return page(request, "review/review.html", ReviewPage(line, query, rule.wants_several))
    stored = [made for made in page_queries.pages(session, review_id=review) if made.commit_id is not None]
    return page(request, "review/of_another.html", ReviewOfAnother(line, query, stored[::-1]))


@router.get("/pages/{page_id}")
def stored_page(request: Request, session: ReadSession, page_id: int) -> HTMLResponse:
    line = page_queries.page(session, page_id=page_id)
    review = queries.review(session, review_id=line.review_id)
    commits = stored_pages.commits(session, page_id=page_id)
    latest = commits[0] if commits else None
    # The review may have moved since.
    ranked_by = latest.index_version_id if latest else None
    context = StoredPage(
        page=line,
        review=review,
        query=queries.query_pictures(session, review_id=review.id),
        version=version(session, id=ranked_by or review.index_version_id),
        commits=commits,
        tiles=stored_pages.tiles(
            session, page_id=page_id, pool_id=review.pool_id, commit_id=latest.id if latest else None
        ),
    )
    return page(request, "review/stored_page.html", context)
