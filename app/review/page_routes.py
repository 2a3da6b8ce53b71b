"""The pages of a review over HTTP: page -> commit, and the next one along with it -> undo."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from sqlalchemy.exc import DBAPIError, TimeoutError

from app.errors import AppError
from app.identity.people import CurrentAsking, CurrentPerson
from app.review import bodies, page_queries, queries
from app.review.answers import page_out, seconds_left
from app.review.committing import commit_page, layout, pictures_of, standing, undo_page
from app.review.decisions import Marked, verdicts
from app.review.foreseen import follow, foresee
from app.review.leases import renew
from app.review.opening import opened, ranked_for
from app.review.page_queries import PageLine
from app.review.second import of_others
from app.review.turning import Turned, turn
from app.sessions import ReadSession, WriteSession
from app.turnstile import beside, waited_for
from app.words import NEXT, SECOND

router = APIRouter(prefix="/api/v1", tags=["reviews"])


@router.post(
    "/reviews/{review_id}/pages",
    status_code=201,
    summary="Get a page",
    dependencies=[waited_for],
    responses={200: {"model": bodies.PageOut, "description": "The page that was open, or why there is none."}},
)
def turn_page(
    review_id: int,
    request: Request,
    response: Response,
    person: CurrentPerson,
    wanted: Annotated[bodies.NewPage | None, Body()] = None,
) -> bodies.PageOut:
    """Rank what is undecided by everything decided so far. While a page is open, that page is the next one.

    A page of another kind than `next` sets an open page aside; its candidates come back in their place. What a page
    shows is leased: nobody else is shown it for the class (with one class per image: for any) until the page is
    committed or set aside, or nobody has worked on it for a while.
    """
    turned = _turn(request, review_id, person_id=person.id, wanted=wanted or bodies.NewPage())
    if not turned.made:
        response.status_code = 200
    return _turned_out(request, turned)


@router.get("/pages/{page_id}", summary="Show a page")
def show_page(page_id: int, session: ReadSession) -> bodies.PageOut:
    """The candidates as they were shown."""
    return page_out(session, page_queries.page(session, page_id=page_id))


@router.post("/pages/{page_id}/ahead", summary="Look ahead", dependencies=[beside])
def look_ahead(page_id: int, marked: bodies.Marked, request: Request, person: CurrentPerson) -> bodies.AheadOut:
    """Tell which images would come next if the page were committed so. Nothing is stored but that it is worked on.

    A browser that fetches their thumbnails beforehand shows the next page at once.
    """
    state = request.app.state
    page = _worked_on(request, page_id)
    with state.database.read() as session:
        review = queries.review(session, review_id=page.review_id)
        shown = page_queries.tiles(session, page_id=page_id, pool_id=review.pool_id)
        supposed = verdicts(layout(shown), _decided_by(marked))
        supposing = {
            picture.image_id: supposed[picture.image].value
            for tile in shown
            if not tile.planted
            for picture in pictures_of(tile)
        }
        index, ranked = ranked_for(request, session, review, person_id=person.id, supposing=supposing)
        if review.kind == SECOND:
            doubtful = of_others(session, review=review, person_id=person.id, ranked=ranked, besides=supposing)
            following = doubtful.tiles(len(shown))
        else:
            foreseen = foresee(
                ranked,
                review=review,
                digest=_decided_by(marked).digest,
                count=len(shown),
                planted_per_page=state.settings.planted_per_page,
            )
            following = foreseen.tiles[: len(shown)]
            if page.kind == NEXT:
                state.foreseen.keep(foreseen, page_id=page_id, person_id=person.id)
    rows = ranked.row_map.rows_of([tile.image_id for tile in following])
    return bodies.AheadOut(images=[index.digests[row].tobytes().hex() for row in rows])


@router.post("/pages/{page_id}/lease", summary="Keep a page")
def renew_lease(page_id: int, request: Request) -> bodies.LeaseOut:
    """Tell that somebody is working on the page: its images are kept from others for the whole time again.

    A lease that ran out is taken up again; what others decided meanwhile is theirs.
    """
    return bodies.LeaseOut(leased_for=seconds_left(_worked_on(request, page_id)))


@router.post("/pages/{page_id}/commit", summary="Commit a page", dependencies=[waited_for])
def commit(page_id: int, wanted: bodies.NewCommit, request: Request, person: CurrentPerson) -> bodies.CommitOut:
    """Accept every candidate of the page that is neither rejected nor unsure, and get the next page along with it.

    Sent again, the same commit gets the same answer, by its `key` even after an undo. Without a key the page
    is the key. Another commit of a committed page is a 409. Images that somebody else decided since the page was made,
    which may happen once its lease has run out, are told apart and left as they are.
    """
    state = request.app.state
    marked = _decided_by(wanted)
    foreseen = wanted.next and state.foreseen.take(page_id=page_id, person_id=person.id, digest=marked.digest)
    following = None
    with state.database.write() as session:
        if foreseen:
            # Before the page, as whoever makes a page for it does.
            queries.hold_review(session, review_id=foreseen.review_id)
        answer, review_id, review = commit_page(
            session,
            page_id=page_id,
            person_id=person.id,
            marked=marked,
            milliseconds=wanted.milliseconds,
            key=wanted.key,
        )
        if wanted.next and foreseen and review:
            page = follow(
                session,
                foreseen,
                review=review,
                person_id=person.id,
                wanted=wanted.next,
                lease=state.settings.lease,
            )
            following = page and page_out(
                session, page, review=review, made=True, remaining=foreseen.remaining, leased=foreseen.leased
            )
    if wanted.next and following is None:
        following = _ranked_now(request, review_id, person_id=person.id, wanted=wanted.next)
    return bodies.CommitOut(**answer, next=following)


@router.delete("/pages/{page_id}/commit", summary="Undo a page's commit", dependencies=[waited_for])
def undo_commit(
    page_id: int, request: Request, session: WriteSession, asking: CurrentAsking, person: CurrentPerson
) -> bodies.UndoOut:
    """Take back all verdicts of the page's commit; the page is open again."""
    lease = request.app.state.settings.lease
    page = undo_page(session, page_id=page_id, person_id=person.id, of_others=asking.looks_after_others, lease=lease)
    review = queries.review(session, review_id=page.review_id)
    where = standing(session, review_id=review.id, class_id=review.class_id)
    return bodies.UndoOut(page=page_out(session, page), **where)


def _decided_by(marked: bodies.Marked) -> Marked:
    """Return what a request marks."""
    return Marked(marked.rejected, marked.unsure, marked.opened)


def _turn(request: Request, review_id: int, *, person_id: int, wanted: bodies.NewPage) -> Turned:
    state = request.app.state
    return turn(
        state.database,
        review_id=review_id,
        person_id=person_id,
        wanted=wanted,
        opened=partial(opened, request),
        decided_rows=state.decided_rows,
        planted_per_page=state.settings.planted_per_page,
        lease=state.settings.lease,
    )


def _turned_out(request: Request, turned: Turned) -> bodies.PageOut:
    if turned.page is None:
        return bodies.PageOut(
            id=None,
            review=turned.review.id,
            candidates=[],
            marks=bodies.Marks(),
            remaining=turned.remaining,
            leased=turned.leased,
            message=turned.message,
        )
    with request.app.state.database.read() as session:
        return page_out(
            session,
            turned.page,
            review=turned.review,
            made=turned.made,
            remaining=turned.remaining,
            leased=turned.leased,
        )


def _ranked_now(
    request: Request, review_id: int, *, person_id: int, wanted: bodies.FollowingPage
) -> bodies.PageOut | None:
    """Return the page that follows one that was just stored, or None where it has to be asked for to learn why not.

    The commit is stored, so whatever keeps the page from being made, the database too, is not the answer to it.
    """
    try:
        turned = _turn(request, review_id, person_id=person_id, wanted=bodies.NewPage(**wanted.model_dump()))
        return _turned_out(request, turned)
    except (AppError, DBAPIError, TimeoutError):
        return None


def _worked_on(request: Request, page_id: int) -> PageLine:
    """Return a page, whose lease is renewed if it has one."""
    state = request.app.state
    with state.database.read() as session:
        page = page_queries.page(session, page_id=page_id)
    return renew(state.database, page=page, lease=state.settings.lease)
