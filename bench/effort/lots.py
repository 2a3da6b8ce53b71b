"""Whole reviews by lots: after a few pages, the next lot is twice as large where one was accepted, half where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.search.ranking import best
from app.verdicts.acceptance import ONE_LOOK, POOR
from bench.effort import figures
from bench.effort.annotators import Annotator
from bench.effort.costs import ONE_BY_ONE
from bench.effort.playing import Course
from bench.effort.pools import Pool
from bench.effort.rules import Rule
from bench.effort.sampling import sample

LEVELS = (0.3, 0.5, 0.8)
_PAGE = 60
_FIRST_PAGES = 3
_LARGEST = 960
_MOST_LOTS = 60


@dataclass(frozen=True)
class ByLots:
    """What was spent and had by the end of each lot."""

    wanted: int  # images of the class, the query left out
    seconds: NDArray[np.float64]  # (lots,)
    seen: NDArray[np.float64]
    labels: NDArray[np.float64]
    right: NDArray[np.float64]  # of the labels

    def reach(self, level: float) -> tuple[float, float, float]:
        """Return the images seen, the seconds a right label, and the share of right labels, at this recall.

        They are infinite if it is not reached.
        """
        reached = np.flatnonzero(self.right >= level * self.wanted)
        if not len(reached):
            return np.inf, np.inf, np.inf
        lot = int(reached[0])
        right = self.right[lot]
        return float(self.seen[lot]), float(self.seconds[lot] / right), float(right / self.labels[lot])


def play_by_lots(pool: Pool, query: int, rule: Rule, annotator: Annotator, *, wanted: float = POOR) -> ByLots:
    """Play a review until the highest of LEVELS is reached, or for 60 lots.

    What was seen teaches the order; what was accepted unseen only does not come again. A lot of a page's size is
    looked at whole: it is a page, shuffled.
    """
    random = np.random.default_rng(query)
    truth = pool.classes == pool.classes[query]
    scorer = rule(pool.vectors, pool.statistics, query)
    hidden = np.arange(len(truth)) == query
    accepted = rejected = np.empty(0, dtype=np.intp)
    sums = np.zeros(4)
    told = []
    size, lots = _PAGE, 0
    while lots < _MOST_LOTS and sums[3] < max(LEVELS) * (truth.sum() - 1):
        rows = best(scorer(accepted, rejected), hidden=hidden, count=size)
        if not len(rows):
            break
        done = sample(truth[rows], annotator, random, plan=ONE_LOOK, wanted=wanted)
        lots += 1
        accepted = np.concatenate([accepted, rows[done.was_seen & done.labelled]])
        rejected = np.concatenate([rejected, rows[done.was_seen & ~done.labelled]])
        hidden[rows[done.was_seen | done.labelled]] = True
        sums += done.seconds, done.seen, done.labels, done.right
        told.append(sums.copy())
        if lots >= _FIRST_PAGES:
            size = min(2 * size, _LARGEST) if done.accepted else max(size // 2, _PAGE)
    seconds, seen, labels, right = np.array(told).T
    return ByLots(int(truth.sum()) - 1, seconds, seen, labels, right)


def print_lots(kind: str, by_lots: Sequence[ByLots], grid: Sequence[Course], *, images: int) -> None:
    """Print what a right label costs by lots, by the grid alone, and one by one, to reach a recall: medians."""
    chance = ONE_BY_ONE * images / float(np.median([course.wanted + 1 for course in grid]))
    print(
        f"\n{kind} annotator, whole reviews: images seen and seconds a right label by lots and by the grid alone; one"
    )
    print(f"by one in the grid's order, and as the pool comes ({chance:.2f} s)")
    for level in LEVELS:
        seen, each, precision = np.median([review.reach(level) for review in by_lots], axis=0)
        tiles, grid_each = np.median([figures.reach(course, level) for course in grid], axis=0)
        same = ONE_BY_ONE * np.median([figures.reach(one, level)[0] / (level * one.wanted) for one in grid])
        if not np.isfinite([each, grid_each]).all():
            print(f"{100 * level:>4.0f} % recall: half do not get there")
            continue
        print(
            f"{100 * level:>4.0f} % recall   lots {seen:5,.0f} seen {each:.3f} s, {100 * precision:.1f} % right"
            f"   grid {tiles:5,.0f} seen {grid_each:.3f} s   one by one {same:.2f} s: {same / each:.1f}× lots,"
            f" {same / grid_each:.1f}× grid; as it comes: {chance / each:.0f}×, {chance / grid_each:.0f}×"
        )
