"""What is to be expected of a review, over HTTP: asked for beside the pages, so that none waits for it."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.identity.people import CurrentPerson
from app.review import bodies, page_queries, queries
from app.review.catching import caught_by, second_look_is_due
from app.review.opening import ranked_for
from app.review.queries import ReviewLine
from app.review.turning import looked_at_by_others
from app.search.outlook import Outlook, PageResult, outlook
from app.sessions import ReadSession
from app.turnstile import beside
from app.verdicts.queries import class_counts
from app.words import ACCEPT

router = APIRouter(prefix="/api/v1", tags=["reviews"])

# A tile is in doubt if it matches less likely than this. On a page that hardly matches every tile would be, and at
# most so large a part of a page is marked: marks are to guide the eye.
IN_DOUBT = 0.8
MOST_MARKED = 1 / 3
HARDLY_MATCHES = 0.5
PAGES_ASKED = 4


@router.get("/reviews/{review_id}/outlook", summary="Show the outlook of a review", dependencies=[beside])
def show_outlook(
    review_id: int,
    request: Request,
    session: ReadSession,
    person: CurrentPerson,
    size: Annotated[int, Query(ge=1, le=500, description="Of a page.")] = 60,
    page: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="A page that is being looked at.")] = None,
) -> bodies.OutlookOut:
    """How many matches are left, how pure the next page will be, where matches end, what may have been overlooked."""
    review = queries.review(session, review_id=review_id)
    if page is not None and page_queries.page(session, page_id=page).review_id != review_id:
        raise page_queries.PageNotFound
    index, ranked = ranked_for(request, session, review, person_id=person.id)
    caught = caught_by(session, person_id=person.id)
    found = outlook(
        query=ranked.examples["query"],
        accepted=ranked.accepted,
        rejected=ranked.rejected,
        scores=ranked.scores,
        hidden=ranked.hidden,
        direction=ranked.direction,
        pool=index.pool,
        size=size,
        overlooked=caught.share_overlooked,
        pages=[
            PageResult(shown=answer["accepted"] + answer["rejected"], accepted=answer["accepted"])
            for answer in page_queries.last_answers(session, review_id=review_id, count=PAGES_ASKED)
        ],
    )
    shown = ranked.rows(
        [tile.picture.image_id for tile in page_queries.tiles(session, page_id=page, pool_id=review.pool_id)]
        if page is not None
        else []
    )
    chances = found.probability(ranked.scores[shown])
    counts = class_counts(session, class_id=review.class_id)
    overlooked = caught.overlooked(counts.rejected)
    return bodies.OutlookOut(
        remaining=found.undecided,
        leased=ranked.leased,
        expected=float(chances.mean()) if len(chances) else None,
        next_purity=found.next_purity,
        left=found.left,
        low=found.low,
        high=found.high,
        cut=found.cut,
        stop=found.stop,
        sentence=with_leased(found.sentence, left=found.undecided, leased=ranked.leased),
        bins=_bins(found),
        doubtful=[index.digests[row].tobytes().hex() for row in shown[in_doubt(chances)]],
        attention=bodies.AttentionOut(
            planted=caught.planted,
            caught=caught.caught,
            overlooked=overlooked,
            due=second_look_is_due(overlooked=overlooked, accepted=counts.accepted) and _unseen(session, review),
        ),
    )


def _unseen(session: Session, review: ReviewLine) -> bool:
    """Whether a second look would have something to show."""
    given = page_queries.given_by(session, review_id=review.id, class_id=review.class_id, value=ACCEPT)
    return bool(set(given) - set(page_queries.seen_twice(session, review_id=review.id)))


def with_leased(sentence: str, *, left: int, leased: int) -> str:
    """Return the outlook's sentence, or, where all that is left is leased by others, one that says so."""
    return looked_at_by_others(leased) if leased and not left else sentence


def in_doubt(chances: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return which places of a page, by their chances of a match (n,), are to be marked; the least likely first."""
    if not len(chances) or chances.mean() < HARDLY_MATCHES:
        return np.empty(0, dtype=np.intp)
    least = np.argsort(chances, kind="stable")[: int(len(chances) * MOST_MARKED)]
    return least[chances[least] < IN_DOUBT]


def _bins(found: Outlook) -> list[bodies.Bin]:
    strip = found.strip
    bars = zip(strip.left, strip.accepted, strip.rejected, strip.probability, strict=True)
    return [
        bodies.Bin(left=left, accepted=accepted, rejected=rejected, probability=probability)
        for left, accepted, rejected, probability in bars
    ][::-1]
