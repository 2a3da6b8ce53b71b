"""How many of the planted negatives a person has caught."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.tables import Commit

# People get tired, and better; the latest are what counts.
LATEST = 200
# Before anything was planted, as if 18 of 20 had been caught: studies of rare targets find 7 % overlooked where half of
# the pictures hold one and 16 % where a tenth do.
_ASSUMED_PLANTED, _ASSUMED_CAUGHT = 20, 18
_ENOUGH_TO_KNOW = 20
# A second look is worth its time when so many are likely to be wrong, and this share of the labels.
WORTH_COUNT, WORTH_SHARE = 5, 0.02


@dataclass(frozen=True)
class Caught:
    """The planted negatives of a person's latest pages, and those of them that were struck out."""

    planted: int
    caught: int

    @property
    def share_overlooked(self) -> float:
        """The share of wrong ones that is known to be overlooked, 0 until enough were planted to know."""
        return 1 - self.caught / self.planted if self.planted >= _ENOUGH_TO_KNOW else 0.0

    def overlooked(self, rejected: int) -> float:
        """Return how many wrong ones were probably overlooked by somebody who struck out so many."""
        rate = (self.caught + _ASSUMED_CAUGHT) / (self.planted + _ASSUMED_PLANTED)
        return rejected * (1 - rate) / rate


def caught_by(session: Session, *, person_id: int) -> Caught:
    """Return a person's catch rate over the latest pages on which something was planted, in all pools."""
    latest = (
        select(Commit.planted, Commit.caught)
        # The first commit of a page counts, undone or not: afterwards the person has been told.
        .where(Commit.person_id == person_id, Commit.planted.is_not(None), Commit.generation == 0)
        .order_by(Commit.id.desc())
        .limit(LATEST)
        .subquery()
    )
    planted, caught = session.execute(
        select(func.coalesce(func.sum(latest.c.planted), 0), func.coalesce(func.sum(latest.c.caught), 0))
    ).one()
    return Caught(int(planted), int(caught))


def second_look_is_due(*, overlooked: float, accepted: int) -> bool:
    """Say whether enough labels are likely to be wrong for a second look at them."""
    return overlooked >= WORTH_COUNT and overlooked >= WORTH_SHARE * max(1, accepted)
