"""The page that is to follow, worked out while somebody looks at the one before it.

A look ahead ranks all images as if the page were committed as it is marked just then. If it is, what was ranked is the
next page: it is leased and stored with the commit itself, and nobody waits for a ranking. Why so, and what it costs:
docs/decisions/0027-the-next-page-comes-with-the-commit.md.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import SystemRandom
from threading import Lock

from sqlalchemy.orm import Session

from app.review import lease_queries, page_queries
from app.review.bodies import FollowingPage
from app.review.candidates import Order
from app.review.leases import first_free
from app.review.page_queries import NewTile, PageLine
from app.review.planting import laid_out, to_plant
from app.review.queries import ReviewLine
from app.tables import now
from app.verdicts.queries import given_while_open

# What others stored since has not been learned from, so it is not to be long ago. A page takes about so long to mark.
FRESH_S = 30.0
# So many more than a page are kept: that is what others may take meanwhile.
SPARE = 300


@dataclass(frozen=True)
class Foreseen:
    """What would follow a page, were it committed with these marks."""

    review_id: int
    class_id: int
    index_version_id: int
    digest: str  # of the marks
    tiles: list[NewTile]  # the best first
    more: bool  # whether others come after these
    planted: Sequence[NewTile]
    remaining: int
    leased: int
    since: float = field(default_factory=time.monotonic)


class ForeseenPages:
    """The pages foreseen last, by the page before and who looks at it. Thread-safe.

    One takes about 100 kB. Each process has its own; where a commit reaches another one, the page is ranked then.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[int, int], Foreseen] = OrderedDict()
        self._lock = Lock()

    def keep(self, foreseen: Foreseen, *, page_id: int, person_id: int) -> None:
        """Keep it in place of what was foreseen before with other marks."""
        with self._lock:
            self._kept[page_id, person_id] = foreseen
            self._kept.move_to_end((page_id, person_id))
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def take(self, *, page_id: int, person_id: int, digest: str) -> Foreseen | None:
        """Return what was foreseen for a page with these marks, lately, and keep it no longer."""
        with self._lock:
            foreseen = self._kept.pop((page_id, person_id), None)
        if foreseen is None or foreseen.digest != digest or time.monotonic() - foreseen.since > FRESH_S:
            return None
        return foreseen


def foresee(ranked: Order, *, review: ReviewLine, digest: str, count: int, planted_per_page: float) -> Foreseen:
    """Keep of an order what pages of about `count` tiles may need."""
    rows = ranked.leading(count, spare=SPARE)
    planted = to_plant(ranked.rejected, ranked.scores, rate=planted_per_page, random=SystemRandom())
    return Foreseen(
        review_id=review.id,
        class_id=review.class_id,
        index_version_id=review.index_version_id,
        digest=digest,
        tiles=[ranked.stack(row) for row in rows],
        more=len(rows) < ranked.places,
        planted=[ranked.tile(row, planted=True) for row in planted],
        remaining=ranked.remaining,
        leased=ranked.leased,
    )


def follow(
    session: Session,
    foreseen: Foreseen,
    *,
    review: ReviewLine,
    person_id: int,
    wanted: FollowingPage,
    lease: timedelta,
) -> PageLine | None:
    """Store the page that was foreseen, in the transaction that stores the one before it.

    Return None where it is to be ranked anew: another page is open, the review has another class or index version by
    now, or others took too much. Callers hold the review.
    """
    if (review.class_id, review.index_version_id) != (foreseen.class_id, foreseen.index_version_id):
        return None
    lease_queries.one_at_a_time(session, review=review)
    if page_queries.oldest_open_page(session, review_id=review.id) is not None:
        return None
    if _judged_since(session, foreseen, review=review, person_id=person_id):
        return None
    parts = (foreseen.tiles[: wanted.size], foreseen.tiles[wanted.size :])
    tiles = first_free(session, review=review, parts=parts, count=wanted.size)
    if not tiles or (len(tiles) < wanted.size and foreseen.more):
        return None
    planted = foreseen.planted if wanted.plant else ()
    shown = laid_out(tiles, planted, doubtful_first=wanted.doubtful == "first", random=SystemRandom())
    return page_queries.add_page(session, review_id=review.id, tiles=shown, leased_until=now() + lease)


def _judged_since(session: Session, foreseen: Foreseen, *, review: ReviewLine, person_id: int) -> bool:
    """Whether the person has judged some of it meanwhile, as in another window, though it is no label yet."""
    images = [
        image_id for tile in foreseen.tiles for image_id in (tile.image_id, *(below for below, _ in tile.beneath))
    ]
    return bool(
        given_while_open(
            session, pool_id=review.pool_id, class_id=review.class_id, person_id=person_id, image_ids=images
        )
    )
