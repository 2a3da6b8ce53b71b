"""Reviews stopped between two pages: what has been accepted by then, and what lies ahead in the order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.search.ranking import Floats, PoolStatistics, best
from bench.effort.annotators import Annotator, Marks
from bench.effort.playing import Course, play
from bench.effort.pools import Pool
from bench.effort.rules import Rows, Rule, Scorer

STOPS = (3, 5, 10, 20)
# Nobody takes a larger lot from one order.
MOST_AHEAD = 2000


@dataclass(frozen=True)
class Standing:
    """Where a review stands after so many pages. What matches is by the truth, whatever the annotator did."""

    pages: int
    accepted: Marks  # (accepted,) the most doubtful first: the lowest scores by all that was decided
    ahead: Marks  # (up to MOST_AHEAD,) undecided, best first


@dataclass(frozen=True)
class Stopped:
    """A whole review, and where it stood on the way."""

    course: Course
    stood: list[Standing]  # at each stop, fewest pages first; what was not reached is as the review ended


def stopped(
    pool: Pool, query: int, rule: Rule, annotator: Annotator, *, pages: int, size: int, at: Sequence[int]
) -> Stopped:
    """Play a review of so many pages, and tell where it stood after each number of pages in `at`, all below `pages`."""
    truth = pool.classes == pool.classes[query]
    stood: list[Standing] = []

    def watched(vectors: Floats, statistics: PoolStatistics, query: int) -> Scorer:
        scorer = rule(vectors, statistics, query)
        turned = itertools.count()

        def scores(accepted: Rows, rejected: Rows) -> Floats:
            told = scorer(accepted, rejected)
            if (turn := next(turned)) in at:
                decided = np.concatenate([accepted, rejected, [query]]).astype(np.intp)
                ahead = best(told, hidden=decided, count=MOST_AHEAD)
                doubtful = accepted[np.argsort(told[accepted], kind="stable")]
                stood.append(Standing(turn, truth[doubtful], truth[ahead]))
            return told

        return scores

    course = play(pool, query, watched, annotator, pages=pages, size=size)
    return Stopped(course, stood + stood[-1:] * (len(at) - len(stood)))
