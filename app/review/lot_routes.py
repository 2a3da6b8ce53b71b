"""Acceptance by sample over HTTP: draw -> look -> judge -> accept the rest, look further, or give up."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session

from app.identity.people import CurrentAsking, CurrentPerson
from app.review import bodies, lot_queries, lots, queries
from app.review.catching import caught_by
from app.review.committing import standing
from app.review.opening import ranked_for
from app.review.queries import ReviewLine
from app.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/api/v1", tags=["lots"])


@router.post("/reviews/{review_id}/lots", status_code=201, summary="Choose a lot")
def draw_lot(
    review_id: int,
    wanted: bodies.NewLot,
    request: Request,
    person: CurrentPerson,
) -> bodies.LotOut:
    """Fix the first so many of the order, draw a random sample of exactly those, and open its page.

    The sample's page is committed like any other. The looks are planned here and cannot be changed afterwards.
    """
    # Read apart: nobody else's writing should wait while it is ranked.
    state = request.app.state
    with state.database.read() as session:
        review = queries.review(session, review_id=review_id)
        _, ranked = ranked_for(request, session, review, person_id=person.id)
    with state.database.write() as session:
        lease = state.settings.lease
        drawn = lots.draw(session, review=review, ranked=ranked, size=wanted.size, looks=wanted.looks, lease=lease)
        return _lot_out(session, drawn.id, person.id)


@router.get("/lots/{lot_id}", summary="Show a lot")
def show_lot(lot_id: int, session: ReadSession, person: CurrentPerson) -> bodies.LotOut:
    """What was seen of it, and what may be stated."""
    return _lot_out(session, lot_id, person.id)


@router.post("/lots/{lot_id}/pages", status_code=201, summary="Look further")
def look_further(lot_id: int, request: Request, session: WriteSession, person: CurrentPerson) -> bodies.LotOut:
    """Open the page of the next look that was planned."""
    lots.look_further(session, lot_id=lot_id, lease=request.app.state.settings.lease)
    return _lot_out(session, lot_id, person.id)


@router.post("/lots/{lot_id}/commit", summary="Accept the rest")
def accept_rest(lot_id: int, session: WriteSession, person: CurrentPerson) -> bodies.LotCommitOut:
    """Accept all images of the lot that nobody has decided or is looking at. Sent again, it gets the same answer."""
    answer = lots.accept_rest(session, lot_id=lot_id, person_id=person.id)
    return bodies.LotCommitOut.model_validate(answer)


@router.delete("/lots/{lot_id}/commit", summary="Undo an acceptance by sample")
def undo_lot(lot_id: int, session: WriteSession, asking: CurrentAsking, person: CurrentPerson) -> bodies.Standing:
    """Take back all that was accepted by sample, as a whole. What was seen stays decided."""
    lots.undo_lot(session, lot_id=lot_id, person_id=person.id, of_others=asking.looks_after_others)
    review = _review_of(session, lot_id)
    return bodies.Standing.model_validate(standing(session, review_id=review.id, class_id=review.class_id))


@router.delete("/lots/{lot_id}", summary="Give a lot up")
def give_up(lot_id: int, session: WriteSession, person: CurrentPerson) -> bodies.LotOut:
    """Go back to single pages. What was decided of the sample stays."""
    lots.give_up(session, lot_id=lot_id)
    return _lot_out(session, lot_id, person.id)


def _review_of(session: Session, lot_id: int) -> ReviewLine:
    return queries.review(session, review_id=lot_queries.lot(session, lot_id=lot_id).review_id)


def _lot_out(session: Session, lot_id: int, person_id: int) -> bodies.LotOut:
    found = lots.lot_standing(
        session, lot_id=lot_id, review=_review_of(session, lot_id), caught=caught_by(session, person_id=person_id)
    )
    return bodies.LotOut.model_validate(found)
