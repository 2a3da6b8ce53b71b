"""The review over HTTP: query -> page -> commit -> undo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from sqlalchemy.orm import Session

from app.db import ReadSession, WriteSession
from app.identity.people import CurrentPerson
from app.pools.queries import class_named, pool_named
from app.registry.queries import VersionLine, version
from app.registry.row_maps import RowMap
from app.review import bodies, queries
from app.review.candidates import choose
from app.review.committing import commit_page, standing, undo_page
from app.review.decisions import verdicts
from app.review.new_review import OPENAPI, WantedReview
from app.review.starting import from_images, from_upload, version_to_pin
from app.search.served_index import ServedIndex
from app.words import REJECT, UNSURE

router = APIRouter(prefix="/api/v1", tags=["reviews"])

ALL_DECIDED = "Every image of this pool has been decided for this class or labelled as another one."


@router.post("/pools/{pool}/reviews", status_code=201, summary="Start a review", openapi_extra=OPENAPI)
def start_review(
    pool: str,
    wanted: WantedReview,
    request: Request,
    reading: ReadSession,
    session: WriteSession,
    person: CurrentPerson,
) -> bodies.ReviewOut:
    """Start from images of the pool, or from an uploaded picture. The review stays on the index version served now."""
    state = request.app.state
    # Read apart: a large upload takes a second to decode, for which nobody else's writing should wait.
    pool_line = pool_named(reading, name=pool)
    class_line = class_named(reading, pool_id=pool_line.id, name=wanted.class_name)
    pinned = version_to_pin(reading, pool_id=pool_line.id)
    if wanted.upload is not None:
        query = from_upload(
            wanted.upload,
            version=pinned,
            encoders=state.encoders,
            thumbnails=state.thumbnails,
            uploads=state.settings.uploads,
            max_pixels=state.settings.max_pixels,
        )
    else:
        row_map = _opened(request, reading, pinned)[1]
        query = from_images(reading, pool_id=pool_line.id, images=wanted.images, row_map=row_map)
    review_id = queries.add_review(
        session,
        pool_id=pool_line.id,
        class_id=class_line.id,
        person_id=person.id,
        index_version_id=pinned.id,
        query=query,
    )
    return _review_out(session, review_id)


@router.get("/reviews/{review_id}", summary="Show a review")
def show_review(review_id: int, session: ReadSession) -> bodies.ReviewOut:
    """What it started from, its pages so far, the class's totals."""
    return _review_out(session, review_id)


@router.post("/reviews/{review_id}/pages", status_code=201, summary="Get the next page")
def next_page(
    review_id: int,
    request: Request,
    response: Response,
    session: WriteSession,
    wanted: Annotated[bodies.NewPage | None, Body()] = None,
) -> bodies.PageOut:
    """Rank what is undecided by everything decided so far. While a page is open, that page is answered."""
    review = queries.review(session, review_id=review_id, lock=True)
    open_page = queries.oldest_open_page(session, review_id=review_id)
    if open_page is not None:
        return _page_out(session, queries.page(session, page_id=open_page), review.pool_id)
    index, row_map = _opened(request, session, version(session, id=review.index_version_id))
    choice = choose(session, review=review, index=index, row_map=row_map, size=(wanted or bodies.NewPage()).size)
    if not len(choice.rows):
        response.status_code = 200
        return bodies.PageOut(
            id=None, review=review_id, candidates=[], marks=bodies.Marks(), remaining=0, message=ALL_DECIDED
        )
    candidates = list(zip(row_map.image_ids[choice.rows].tolist(), choice.scores.tolist(), strict=True))
    page = queries.add_page(session, review_id=review_id, candidates=candidates)
    return _page_out(session, page, review.pool_id, marks=bodies.Marks(), remaining=choice.remaining)


@router.get("/pages/{page_id}", summary="Show a page")
def show_page(page_id: int, session: ReadSession) -> bodies.PageOut:
    """The candidates as they were shown."""
    page = queries.page(session, page_id=page_id)
    return _page_out(session, page, queries.review(session, review_id=page.review_id).pool_id)


@router.post("/pages/{page_id}/ahead", summary="Look ahead")
def look_ahead(page_id: int, marked: bodies.Marked, request: Request, session: ReadSession) -> bodies.AheadOut:
    """Tell which images would come next if the page were committed so. Nothing is stored.

    A browser that fetches their thumbnails beforehand shows the next page at once.
    """
    page = queries.page(session, page_id=page_id)
    review = queries.review(session, review_id=page.review_id)
    shown = queries.shown(session, page_id=page_id)
    supposed = verdicts(shown, rejected=marked.rejected, unsure=marked.unsure)
    index, row_map = _opened(request, session, version(session, id=review.index_version_id))
    choice = choose(
        session,
        review=review,
        index=index,
        row_map=row_map,
        size=len(shown),
        supposing={shown[image][0]: value for image, value in supposed.items()},
    )
    return bodies.AheadOut(images=[index.digests[row].tobytes().hex() for row in choice.rows])


@router.post("/pages/{page_id}/commit", summary="Commit a page")
def commit(page_id: int, wanted: bodies.NewCommit, session: WriteSession, person: CurrentPerson) -> bodies.CommitOut:
    """Accept every candidate of the page that is neither rejected nor unsure.

    Sent again, the same commit gets the same answer, by its `key` even after an undo. Without a key the page
    is the key. Another commit of a committed page is a 409.
    """
    answer = commit_page(
        session,
        page_id=page_id,
        person_id=person.id,
        rejected=wanted.rejected,
        unsure=wanted.unsure,
        milliseconds=wanted.milliseconds,
        key=wanted.key,
    )
    return bodies.CommitOut(**answer)


@router.delete("/pages/{page_id}/commit", summary="Undo a page's commit")
def undo_commit(page_id: int, session: WriteSession, person: CurrentPerson) -> bodies.UndoOut:
    """Take back all verdicts of the page's commit; the page is open again."""
    page = undo_page(session, page_id=page_id, person_id=person.id)
    review = queries.review(session, review_id=page.review_id)
    where = standing(session, review_id=review.id, class_id=review.class_id)
    return bodies.UndoOut(page=_page_out(session, page, review.pool_id), **where)


def _opened(request: Request, session: Session, pinned: VersionLine) -> tuple[ServedIndex, RowMap]:
    index: ServedIndex = request.app.state.shelf.open(pinned.artifact)
    row_map: RowMap = request.app.state.row_maps.of(session, version=pinned, digests=index.digests)
    return index, row_map


def _page_out(
    session: Session,
    page: queries.PageLine,
    pool_id: int,
    *,
    marks: bodies.Marks | None = None,
    remaining: int | None = None,
) -> bodies.PageOut:
    return bodies.PageOut(
        id=page.id,
        review=page.review_id,
        number=page.number,
        state="open" if page.commit_id is None else "committed",
        candidates=[
            bodies.CandidateOut(
                image=tile.image, path=tile.path, score=tile.score, width=tile.width, height=tile.height
            )
            for tile in queries.candidates(session, page_id=page.id, pool_id=pool_id)
        ],
        marks=marks or _last_marks(session, page.id),
        remaining=remaining,
    )


def _last_marks(session: Session, page_id: int) -> bodies.Marks:
    last = queries.last_verdicts(session, page_id=page_id)
    return bodies.Marks(rejected=last.get(REJECT, []), unsure=last.get(UNSURE, []))


def _review_out(session: Session, review_id: int) -> bodies.ReviewOut:
    review = queries.review(session, review_id=review_id)
    pinned = version(session, id=review.index_version_id)
    pictures = queries.query_pictures(session, review_id=review_id)
    pages = queries.pages(session, review_id=review_id)
    committed = [page for page in pages if page.commit_id is not None]
    last = max(committed, key=lambda page: page.commit_id or 0, default=None)
    return bodies.ReviewOut(
        id=review.id,
        pool=review.pool,
        class_name=review.class_name,
        url=f"/reviews/{review.id}",
        person=review.person,
        query=bodies.QueryOut(
            images=[picture.sha256 for picture in pictures if not picture.uploaded],
            uploads=[picture.sha256 for picture in pictures if picture.uploaded],
        ),
        encoder=pinned.encoder,
        index_version=pinned.id,
        created_at=review.created_at,
        pages=[_page_summary(page) for page in pages],
        last_committed_page=last.id if last else None,
        **standing(session, review_id=review_id, class_id=review.class_id),
    )


def _page_summary(page: queries.PageLine) -> bodies.PageSummary:
    if page.answer is None:
        return bodies.PageSummary(id=page.id, number=page.number, state="open")
    counts = {name: page.answer[name] for name in ("accepted", "rejected", "unsure")}
    return bodies.PageSummary(id=page.id, number=page.number, state="committed", **counts)
