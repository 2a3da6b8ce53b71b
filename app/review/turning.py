"""Turns to another page: what it shows, by its kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom

from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.pools.held import held_images
from app.registry.row_maps import RowMap
from app.review import page_queries
from app.review.bodies import NewPage
from app.review.candidates import Order, once_more, order
from app.review.decisions import purity
from app.review.depth import ENOUGH, Probe, next_depth
from app.review.page_queries import NewTile, PageLine
from app.review.planting import insert_at_random, to_plant
from app.review.queries import ReviewLine
from app.search.served_index import ServedIndex
from app.words import ACCEPT, DEEPER, LIKE, NEXT, REJECT, SAMPLE, SECOND

Opened = Callable[[], tuple[ServedIndex, RowMap]]

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

    page: PageLine | None
    made: bool  # it was made just now
    remaining: int | None = None
    message: str | None = None


def turn(session: Session, *, review: ReviewLine, wanted: NewPage, opened: Opened, planted_per_page: float) -> Turned:
    """Answer the review's open page, or make the next one.

    Another kind than `next`, or one that is wanted afresh, sets the open page aside.

    Raises SampleOpen, LikeWhat, NotInThisPool and NotIndexed.
    """
    open_page = page_queries.oldest_open_page(session, review_id=review.id)
    if open_page is not None and wanted.kind == NEXT and not wanted.afresh:
        return Turned(open_page, made=False)
    if open_page is not None and open_page.kind == SAMPLE:
        raise SampleOpen
    index, row_map = opened()
    like = _like(session, review, wanted, row_map)
    ranked = order(session, review=review, index=index, row_map=row_map, like=like)

    skip, message = 0, ALL_DECIDED
    if wanted.kind == SECOND:
        tiles = once_more(session, review=review, ranked=ranked, value=wanted.of, count=wanted.size)
        message = ONCE_MORE_DONE[wanted.of]
    elif wanted.kind == DEEPER:
        probes = list(_probes(page_queries.pages(session, review_id=review.id)))
        depth = _depth(wanted, probes, ranked.places)
        skip = depth or 0
        tiles = [] if depth is None else ranked.tiles(wanted.size, skip=skip)
        if ranked.remaining:
            message = _why_no_deeper(probes)
    else:
        tiles = ranked.tiles(wanted.size)
        if wanted.kind == NEXT and wanted.plant and tiles:
            tiles = _planted(ranked, tiles, rate=planted_per_page)
        if wanted.kind == NEXT and wanted.doubtful == "first":
            tiles.reverse()
    if not tiles:
        return Turned(None, made=False, remaining=ranked.remaining, message=message)

    if open_page is not None:
        page_queries.set_aside(session, page_id=open_page.id)
    made = page_queries.add_page(
        session, review_id=review.id, tiles=tiles, kind=wanted.kind, skipped=skip, like_image_id=like
    )
    return Turned(made, made=True, remaining=ranked.remaining)


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


def _planted(ranked: Order, tiles: list[NewTile], *, rate: float) -> list[NewTile]:
    # Which ones, and where, must not be told beforehand.
    random = SystemRandom()
    rows = to_plant(ranked.rejected, ranked.scores, rate=rate, random=random)
    kept = tiles[: max(1, len(tiles) - len(rows))]
    return insert_at_random(kept, [ranked.tile(row, planted=True) for row in rows], random=random)
