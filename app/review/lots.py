"""Acceptance of a lot by sample: drawn, looked at, judged, and the rest accepted or given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import SystemRandom
from typing import Any, Literal

from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.review import lease_queries, lot_queries, page_queries, queries
from app.review.candidates import Order
from app.review.catching import Caught
from app.review.committing import NothingToUndo, standing
from app.review.lot_queries import LotLine
from app.review.page_queries import NewTile, PageLine
from app.review.queries import ReviewLine
from app.review.second import SecondReview
from app.review.turning import SPARE, SampleOpen
from app.tables import now
from app.verdicts import acceptance, journal
from app.verdicts.journal import NewVerdict
from app.verdicts.lots import rejected_since, restated
from app.verdicts.queries import labelled_otherwise, waiting_for_others
from app.words import ACCEPT, REJECT, SAMPLE, SECOND, UNSURE

PLANS: dict[int, tuple[int, ...]] = {1: acceptance.ONE_LOOK, 3: acceptance.THREE_LOOKS}


class NothingToDraw(Conflict):
    """Nothing is left that could be accepted by sample: every image has been decided."""


class LotTooLarge(Invalid):
    """A lot cannot hold more images than are left."""


class StillLooking(Conflict):
    """The sample has not been looked at to its end: store its page first."""


class NoFurtherLook(Conflict):
    """No further look was planned for this lot. What may be stated was fixed before the first one."""


class LotGivenUp(Conflict):
    """This lot was given up. Choose a new one; its sample is drawn anew."""


class LotAccepted(Conflict):
    """The rest of this lot has been accepted already."""


@dataclass(frozen=True)
class LotStanding:
    """Where a lot stands."""

    id: int
    review: int
    size: int
    looks: list[int]
    state: Literal["looking", "judged", "accepted", "given up"]
    page: int | None
    seen: int
    accepted: int
    rejected: int
    unsure: int
    rest: int
    confidence: float | None
    at_least: float | None
    poor: bool
    statement: str | None
    corrected: str | None
    next_look: int | None
    rejected_since: int = 0
    restated: str | None = None


def draw(session: Session, *, review: ReviewLine, ranked: Order, size: int, looks: int, lease: timedelta) -> LotLine:
    """Fix the first `size` images of the order as a lot, draw its sample and open the sample's first page.

    What others have taken since it was ranked is left out. The sample's page leases what it shows, not the lot: what
    others decide of the rest meanwhile is theirs. The open page of the review is set aside. Raises SecondReview,
    SampleOpen, NothingToDraw and LotTooLarge.
    """
    if review.kind == SECOND:
        raise SecondReview
    queries.review(session, review_id=review.id, lock=True)
    lease_queries.one_at_a_time(session, review=review)
    open_page = page_queries.oldest_open_page(session, review_id=review.id)
    if open_page is not None and open_page.kind == SAMPLE:
        raise SampleOpen
    if not ranked.remaining:
        raise NothingToDraw
    if size > ranked.remaining:
        raise LotTooLarge(f"Only {ranked.remaining:,} images are left; a lot cannot hold {size:,}.")
    rows = ranked.first(size + SPARE)
    ids = [int(image_id) for image_id in ranked.row_map.image_ids[rows]]
    gone = lease_queries.taken(session, review=review, image_ids=ids)
    scored = zip(ids, rows, strict=True)
    images = [(image_id, float(ranked.scores[row])) for image_id, row in scored if image_id not in gone][:size]
    if len(images) < size:
        raise LotTooLarge(f"Only {len(images):,} images are left; a lot cannot hold {size:,}.")
    # By the system's randomness: a sample that could be foretold would say nothing.
    SystemRandom().shuffle(images)
    lot = lot_queries.add_lot(
        session,
        review_id=review.id,
        images=images,
        looks=acceptance.looks_of(size, PLANS[looks]),
        confidence=acceptance.CONFIDENCE,
    )
    _open_look(session, lot, first=0, lease=lease)
    return lot


def look_further(session: Session, *, lot_id: int, lease: timedelta) -> PageLine:
    """Open the page of a lot's next look, also if others decided some of its images: the sample is fixed.

    Raises StillLooking, NoFurtherLook, LotGivenUp and LotAccepted.
    """
    # The review first, as whoever makes a page for it does.
    queries.review(session, review_id=lot_queries.lot(session, lot_id=lot_id).review_id, lock=True)
    lot = lot_queries.lot(session, lot_id=lot_id, lock=True)
    open_page = _open_page(session, lot)
    if open_page is not None and _seen(session, lot):
        # The answer to the same request was lost.
        return open_page
    _see_that_it_is_judged(session, lot)
    seen = _seen(session, lot)
    if acceptance.next_look(lot.looks, seen) is None:
        raise NoFurtherLook
    return _open_look(session, lot, first=seen, lease=lease)


def accept_rest(session: Session, *, lot_id: int, person_id: int) -> dict[str, Any]:
    """Accept every image of a judged lot that nobody has decided or is looking at, and return the answer; once.

    Raises StillLooking and LotGivenUp.
    """
    lot = lot_queries.lot(session, lot_id=lot_id, lock=True)
    if lot.commit_id is not None:
        return dict(lot.answer or {})
    _see_that_it_is_judged(session, lot)
    review = queries.review_to_store(session, review_id=lot.review_id)
    found = lot_standing(session, lot_id=lot_id, review=review, caught=None)
    # Whoever decides one of them at this moment is waited for, and then seen.
    images = [image_id for image_id, _ in lot_queries.images(session, lot_id=lot_id)]
    journal.one_writer_at_a_time(session, pool_id=review.pool_id, image_ids=images)
    others = (
        labelled_otherwise(session, pool_id=review.pool_id, class_id=review.class_id)
        if review.one_class_per_image
        else []
    )
    others += lease_queries.leased_elsewhere(session, review=review)
    others += waiting_for_others(session, pool_id=review.pool_id, class_id=review.class_id, person_id=person_id)
    rest = lot_queries.undecided(session, lot=lot, class_id=review.class_id, others=others)
    entry = journal.store(
        session,
        kind="lot",
        pool_id=review.pool_id,
        class_id=review.class_id,
        person_id=person_id,
        verdicts=[NewVerdict(image_id, ACCEPT, SAMPLE, score) for image_id, score in rest],
        review_id=review.id,
        index_version_id=review.index_version_id,
        lot_id=lot_id,
    )
    rejected = found.rejected + found.unsure
    matches = acceptance.matches_at_least(lot.size, found.seen, rejected, found.confidence or lot.confidence)
    lot_queries.state_bound(session, lot_id=lot_id, bound=matches / lot.size)
    entry.answer = {
        "lot": lot_id,
        "commit": entry.id,
        "accepted": len(rest),
        "skipped": lot.size - found.seen - len(rest),
        "statement": found.statement,
        "matches_at_least": matches,
        "rejected": rejected,
        **standing(session, review_id=review.id, class_id=review.class_id),
    }
    session.flush()
    return entry.answer


def undo_lot(session: Session, *, lot_id: int, person_id: int, of_others: bool) -> None:
    """Take back everything that was accepted by a lot's sample. Raises NothingToUndo and NotYours."""
    lot = lot_queries.lot(session, lot_id=lot_id, lock=True)
    if lot.commit_id is None:
        raise NothingToUndo("Nothing of this lot has been accepted.")
    journal.undo(session, commit_id=lot.commit_id, person_id=person_id, of_others=of_others)


def give_up(session: Session, *, lot_id: int) -> None:
    """Let a lot go, and an open page of its sample. What was decided stays. Raises LotAccepted."""
    queries.review(session, review_id=lot_queries.lot(session, lot_id=lot_id).review_id, lock=True)
    lot_queries.lock_sample(session, lot_id=lot_id)
    lot = lot_queries.lot(session, lot_id=lot_id, lock=True)
    if lot.commit_id is not None:
        raise LotAccepted
    open_page = _open_page(session, lot)
    if open_page is not None:
        page_queries.set_aside(session, page_id=open_page.id)
    lot_queries.give_up(session, lot_id=lot_id)


def lot_standing(session: Session, *, lot_id: int, review: ReviewLine, caught: Caught | None) -> LotStanding:
    """Return where a lot stands: what was seen, what may be stated of it, and what comes next.

    `caught` corrects the statement for what the person overlooks.
    """
    lot = lot_queries.lot(session, lot_id=lot_id)
    open_page = _open_page(session, lot)
    by_value = lot_queries.sampled(session, lot_id=lot_id)
    accepted, rejected, unsure = (by_value.get(value, 0) for value in (ACCEPT, REJECT, UNSURE))
    seen = accepted + rejected + unsure
    against = rejected + unsure
    looks = lot.looks
    judged = seen > 0 and open_page is None
    confidence = acceptance.confidence_of_a_look(looks, lot.confidence) if seen else None
    bound = acceptance.share_at_least(lot.size, seen, against, confidence) if confidence else None
    further = acceptance.next_look(looks, seen) if judged else None
    since = rejected_since(session, lot_id=lot_id) if lot.commit_id is not None else 0
    answer: dict[str, Any] = lot.answer or {}
    return LotStanding(
        id=lot.id,
        review=lot.review_id,
        size=lot.size,
        looks=list(looks),
        state="accepted" if lot.commit_id else "given up" if lot.given_up else "judged" if judged else "looking",
        page=open_page.id if open_page else None,
        seen=seen,
        accepted=accepted,
        rejected=rejected,
        unsure=unsure,
        rest=lot.size - seen,
        confidence=confidence,
        at_least=bound,
        poor=bound is not None and bound < acceptance.POOR and seen < lot.size,
        statement=_statement(lot, seen, against, bound, confidence),
        corrected=_corrected(lot, seen, against, confidence, caught),
        next_look=further - seen if further else None,
        rejected_since=since,
        restated=restated(lot.size, answer["matches_at_least"], answer["rejected"], since, lot.confidence)
        if since
        else None,
    )


def _statement(lot: LotLine, seen: int, against: int, bound: float | None, confidence: float | None) -> str | None:
    if bound is None or confidence is None:
        return None
    return acceptance.told(lot.size, seen, against, bound=bound, confidence=confidence)


def _corrected(lot: LotLine, seen: int, against: int, confidence: float | None, caught: Caught | None) -> str | None:
    if confidence is None or caught is None or not caught.planted or seen == lot.size:
        return None
    share = acceptance.corrected(
        lot.size, seen, against, planted=caught.planted, caught=caught.caught, confidence=confidence
    )
    return (
        f"You caught {caught.caught} of {caught.planted} planted ones. Counting what may have been overlooked: "
        f"at least {acceptance.percent(share)}."
    )


def _open_look(session: Session, lot: LotLine, *, first: int, lease: timedelta) -> PageLine:
    open_page = page_queries.oldest_open_page(session, review_id=lot.review_id)
    if open_page is not None:
        page_queries.set_aside(session, page_id=open_page.id)
    last = acceptance.next_look(lot.looks, first)
    shown: Sequence[tuple[int, float]] = lot_queries.images(session, lot_id=lot.id, first=first, last=last)
    tiles = [NewTile(image_id, score) for image_id, score in shown]
    return page_queries.add_page(
        session, review_id=lot.review_id, tiles=tiles, kind=SAMPLE, lot_id=lot.id, leased_until=now() + lease
    )


def _see_that_it_is_judged(session: Session, lot: LotLine) -> None:
    """See to it that a lot can still be changed, and that its sample has no open page."""
    if lot.commit_id is not None:
        raise LotAccepted
    if lot.given_up:
        raise LotGivenUp
    if _open_page(session, lot) is not None or not _seen(session, lot):
        raise StillLooking


def _open_page(session: Session, lot: LotLine) -> PageLine | None:
    pages = [page_queries.page(session, page_id=id) for id in lot_queries.sample_pages(session, lot_id=lot.id)]
    return next((page for page in pages if page.commit_id is None and page.set_aside_at is None), None)


def _seen(session: Session, lot: LotLine) -> int:
    return sum(lot_queries.sampled(session, lot_id=lot.id).values())
