"""A second review: what others accepted, looked at once more by somebody else, the most doubtful first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.review.candidates import Order
from app.review.decided import Rows
from app.review.page_queries import NewTile
from app.review.queries import ReviewLine
from app.verdicts.queries import accepted_by_others

ALL_LOOKED_AT = "You have looked at everything that others accepted for this class."


class SecondReview(Conflict):
    """A second review shows what others accepted, in its own order; looks elsewhere are for a review of your own."""


@dataclass(frozen=True)
class Doubtful:
    """What is left of a second review."""

    ranked: Order
    rows: Rows  # of the index, the most doubtful first

    @property
    def remaining(self) -> int:
        return len(self.rows)

    def tiles(self, count: int) -> list[NewTile]:
        """Return the first so many, each for itself: of near-duplicates one may have been accepted wrongly."""
        return [self.ranked.tile(row) for row in self.rows[:count]]


def of_others(
    session: Session, *, review: ReviewLine, person_id: int, ranked: Order, besides: Collection[int] = ()
) -> Doubtful:
    """Return what others accepted and this person has not judged, but for the images `besides`.

    Doubtful is what ranks low by the class's own examples.
    """
    accepted = accepted_by_others(session, class_id=review.class_id, person_id=person_id)
    rows = ranked.rows(image for image in accepted if image not in besides)
    return Doubtful(ranked, rows[np.lexsort((rows, ranked.scores[rows]))])
