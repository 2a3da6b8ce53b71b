"""Turns to another page: what it shows, by its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import SystemRandom

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import Conflict, Invalid
from app.pools.held import held_images
from app.registry.row_maps import RowMap
from app.review import lease_queries, page_queries, queries
from app.review.bodies import NewPage
from app.review.candidates import Order, once_more, order
from app.review.decided import DecidedRows
from app.review.decisions import purity
from app.review.depth import ENOUGH, Probe, next_depth
from app.review.leases import first_free, is_due, keep
from app.review.page_queries import NewTile, PageLine
from app.review.planting import laid_out, to_plant
from app.review.queries import ReviewLine
from app.review.second import ALL_LOOKED_AT, SecondReview, of_others
from app.search.served_index import ServedIndex
from app.tables import now
from app.words import ACCEPT, DEEPER, LIKE, NEXT, REJECT, SAMPLE, SECOND

Opened = Callable[[Session, ReviewLine], tuple[ServedIndex, RowMap]]

# A page is chosen from so many more tiles than it shows: that is what others may take while it is being ranked.
SPARE = 600
# How often it is ranked again where they took more.
RANKED_AGAIN = 4

ALL_DECIDED = "Every image of this pool has been decided for this class or labelled as another one."
END_FOUND = (
    "The matches end about here: a page from just before matches for the most part, one from just behind does not."
)
ALL_MATCH = "There is nothing deeper: even the last page of the order matches for the most part."
ONE_PAGE_LEFT = "There is nothing deeper: all that is left fits on one page."
ONCE_MORE_DONE = {
    ACCEPT: "Everything that this review accepted has been looked at once more.",
    REJECT: "Everything that this review rejected has been looked at once more.",
    "unsure": "Everything that this review left unsure has been looked at once more.",
}


class LikeWhat(Invalid):
    """Say which image the page is to be like: “like” is missing."""


class NotIndexed(Invalid):
    """This image is not in the index version that the review works on."""


class SampleOpen(Conflict):
    """The sample of a lot is being looked at: store its page first, or give the lot up."""


@dataclass(frozen=True)
class Turned:
    """The page to be shown, or a sentence where there is none."""

    review: ReviewLine
    page: PageLine | None
    made: bool  # it was made just now
    remaining: int | None = None
    leased: int | None = None
    message: str | None = None


@dataclass(frozen=True)
class _Offer:
    """What a page could show, worked out before anybody has to wait for it."""

    ranked: Order
    rows: NDArray[np.intp]  # the tops of tiles in the order to be shown, more than wanted
    tiles: list[NewTile]  # of a look once more, which needs no leases
    skip: int
    like: int | None
    message: str  # where there is nothing
    remaining: int  # undecided images; of a second review, those that are still to be looked at


def turn(
    database: Database,
    *,
    review_id: int,
    person_id: int,
    wanted: NewPage,
    opened: Opened,
    decided_rows: DecidedRows,
    planted_per_page: float,
    lease: timedelta,
) -> Turned:
    """Answer the review's open page, or make the next one for this person, which leases what it shows.

    Another kind than `next`, or one that is wanted afresh, sets the open page aside. So is one whose lease ran out, if
    others took some of its images meanwhile.

    Ranking takes long beside the rest, so it is done first, when nobody waits for it; what others took meanwhile is
    left out then.

    Raises ReviewNotFound, SampleOpen, SecondReview, LikeWhat, NotInThisPool and NotIndexed.
    """
    again = wanted.kind == NEXT and not wanted.afresh
    for last in [False] * RANKED_AGAIN + [True]:
        with database.read() as session:
            review = queries.review(session, review_id=review_id)
            open_page = page_queries.oldest_open_page(session, review_id=review_id)
            if open_page is not None and again and not is_due(open_page, lease=lease):
                return Turned(review, open_page, made=False)
            _see_that_no_sample_is_open(open_page, unless=again)
            offer = _offered(session, review, wanted, person_id=person_id, opened=opened, decided_rows=decided_rows)
        with database.write() as session:
            review = queries.review(session, review_id=review_id, lock=True)
            lease_queries.one_at_a_time(session, review=review)
            open_page = page_queries.oldest_open_page(session, review_id=review_id)
            if open_page is not None and again:
                kept = keep(session, review=review, page=open_page, lease=lease)
                if kept is not None:
                    return Turned(review, kept, made=False)
            _see_that_no_sample_is_open(open_page, unless=again)
            ranked, rows = offer.ranked, offer.rows
            # Hardly ever has anybody taken one of the first, so the others are made tiles of only then.
            parts = ([ranked.stack(row) for row in part] for part in (rows[: wanted.size], rows[wanted.size :]))
            tiles = offer.tiles or first_free(session, review=review, parts=parts, count=wanted.size)
            more = 0 < len(rows) < ranked.places - offer.skip
            if len(tiles) < wanted.size and more and not last:
                continue
            return _made(session, review, wanted, offer, tiles, open_page, rate=planted_per_page, lease=lease)
    raise AssertionError("the last round returns")


def _see_that_no_sample_is_open(open_page: PageLine | None, *, unless: bool) -> None:
    if open_page is not None and open_page.kind == SAMPLE and not unless:
        raise SampleOpen


def _offered(
    session: Session,
    review: ReviewLine,
    wanted: NewPage,
    *,
    person_id: int,
    opened: Opened,
    decided_rows: DecidedRows,
) -> _Offer:
    if review.kind == SECOND and wanted.kind in (DEEPER, LIKE):
        raise SecondReview
    index, row_map = opened(session, review)
    like = _like(session, review, wanted, row_map)
    ranked = order(
        session,
        review=review,
        person_id=person_id,
        index=index,
        row_map=row_map,
        decided_rows=decided_rows,
        like=like,
    )
    skip, message = 0, ALL_DECIDED
    none = np.empty(0, dtype=np.intp)
    if wanted.kind == SECOND:
        tiles = once_more(
            session, review=review, person_id=person_id, ranked=ranked, value=wanted.of, count=wanted.size
        )
        return _Offer(ranked, none, tiles, skip, like, ONCE_MORE_DONE[wanted.of], ranked.remaining)
    if wanted.kind == DEEPER:
        probes = list(_probes(page_queries.pages(session, review_id=review.id)))
        depth = _depth(wanted, probes, ranked.places)
        if ranked.remaining:
            message = _why_no_deeper(probes)
        if depth is None:
            return _Offer(ranked, none, [], skip, like, message, ranked.remaining)
        skip = depth
    elif review.kind == SECOND:
        doubtful = of_others(session, review=review, person_id=person_id, ranked=ranked)
        return _Offer(ranked, none, doubtful.tiles(wanted.size), skip, like, ALL_LOOKED_AT, doubtful.remaining)
    rows = ranked.leading(wanted.size, skip=skip, spare=SPARE)
    return _Offer(ranked, rows, [], skip, like, message, ranked.remaining)


def _made(
    session: Session,
    review: ReviewLine,
    wanted: NewPage,
    offer: _Offer,
    tiles: list[NewTile],
    open_page: PageLine | None,
    *,
    rate: float,
    lease: timedelta,
) -> Turned:
    ranked = offer.ranked
    once_more = SECOND in (review.kind, wanted.kind)
    if not tiles:
        leased = ranked.leased + len(offer.rows)
        away = leased and not (once_more or (wanted.kind == DEEPER and ranked.remaining))
        message = looked_at_by_others(leased) if away else offer.message
        # Where they are not all that is left, what others look at is not why there is no page.
        return Turned(
            review, None, made=False, remaining=offer.remaining, leased=leased if away else 0, message=message
        )
    if wanted.kind == NEXT and not once_more:
        # Which are planted, and where, must not be told beforehand.
        random = SystemRandom()
        rows = to_plant(ranked.rejected, ranked.scores, rate=rate, random=random) if wanted.plant else []
        planted = [ranked.tile(row, planted=True) for row in rows]
        tiles = laid_out(tiles, planted, doubtful_first=wanted.doubtful == "first", random=random)
    if open_page is not None:
        page_queries.set_aside(session, page_id=open_page.id)
    made = page_queries.add_page(
        session,
        review_id=review.id,
        tiles=tiles,
        kind=wanted.kind,
        leased_until=None if once_more else now() + lease,
        skipped=offer.skip,
        like_image_id=offer.like,
    )
    return Turned(review, made, made=True, remaining=offer.remaining, leased=ranked.leased)


def looked_at_by_others(count: int) -> str:
    """Say that so many images are left, and why none of them is shown."""
    pictures = "1 picture" if count == 1 else f"{count:,} pictures"
    return f"What is left is being looked at by others just now: {pictures}; try again in a minute."


def _like(session: Session, review: ReviewLine, wanted: NewPage, row_map: RowMap) -> int | None:
    if wanted.kind != LIKE:
        return None
    if wanted.like is None:
        raise LikeWhat
    image_id = held_images(session, pool_id=review.pool_id, images=[wanted.like])[wanted.like]
    if row_map.rows_of([image_id])[0] < 0:
        raise NotIndexed
    return image_id


def _depth(wanted: NewPage, probes: list[Probe], places: int) -> int | None:
    if wanted.skip is not None:
        return min(wanted.skip, max(0, places - wanted.size))
    return next_depth(probes, size=wanted.size, remaining=places)


def _why_no_deeper(probes: list[Probe]) -> str:
    if any(probe.purity < ENOUGH for probe in probes):
        return END_FOUND
    return ALL_MATCH if probes else ONE_PAGE_LEFT


def _probes(pages: list[PageLine]) -> list[Probe]:
    """Return what the looks down the order have found, each at the depth where it would be now.

    Whatever was decided from the top of the order since then has gone from before it.
    """
    probes: list[Probe] = []
    for page in sorted(pages, key=lambda page: page.commit_id or 0):
        if page.answer is None:
            continue
        decided = page.answer["accepted"] + page.answer["rejected"] + page.answer["unsure"]
        share = purity(page.answer["accepted"], page.answer["rejected"])
        probes = [
            Probe(probe.skipped - decided if page.skipped <= probe.skipped else probe.skipped, probe.purity)
            for probe in probes
        ]
        if page.kind == DEEPER and share is not None:
            probes.append(Probe(page.skipped, share))
    return [probe for probe in probes if probe.skipped > 0]
