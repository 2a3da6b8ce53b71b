"""What courses amount to: recall, purity, tiles, seconds, and how sure of it one can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.effort.costs import seconds
from bench.effort.playing import Course

Values = NDArray[np.float64]

_RESAMPLES = 1000


def recall(course: Course, page: int) -> float:
    """Return the share of the class that is labelled after so many pages, or after the last one."""
    return _found(course)[_tiles(course, page)] / max(1, course.wanted)


def purity(course: Course, page: int) -> float:
    """Return the share of matches among all that was shown by then."""
    end = _tiles(course, page)
    return float(course.matches[:end].mean()) if end else 0.0


def purity_between(course: Course, first: int, last: int) -> float:
    """Return the share of matches on the pages from `first` to `last`, or NaN where there are none."""
    shown = course.matches[_tiles(course, first - 1) : _tiles(course, last)]
    return float(shown.mean()) if len(shown) else float("nan")


def recall_of_sizes(course: Course, sizes: int) -> float:
    """Return the recall after looking at so many times the class's size. For 1, it is the R-precision of a review."""
    return _found(course)[min(sizes * course.wanted, len(course.matches))] / max(1, course.wanted)


def precision(course: Course) -> float:
    """Return the share of right ones among all labels given, 1 if there are none."""
    labelled = course.matches[~course.struck_out]
    return float(labelled.mean()) if len(labelled) else 1.0


def reach(course: Course, level: float) -> tuple[float, float]:
    """Return the tiles looked at, and the seconds for each right label, at the page that reaches this recall.

    Both are infinite if it is not reached.
    """
    found = _found(course)[course.ends]
    reached = np.flatnonzero(found >= level * course.wanted)
    if not len(reached):
        return np.inf, np.inf
    page = int(reached[0])
    return float(course.ends[page]), float(seconds(course.struck_out, course.ends)[page] / max(1, found[page]))


def worst_tenth(values: Sequence[float]) -> float:
    """Return the mean of the lowest tenth, of one value at least."""
    return float(np.sort(values)[: max(1, len(values) // 10)].mean())


def interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """Return the bootstrap's 95 % interval of the mean: the same values give the same interval."""
    drawn = np.random.default_rng(seed).choice(np.asarray(values), (_RESAMPLES, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _found(course: Course) -> NDArray[np.intp]:
    """Return the right labels after each number of tiles, none included."""
    return np.concatenate([[0], np.cumsum(course.matches & ~course.struck_out)])


def _tiles(course: Course, page: int) -> int:
    return int(course.ends[min(page, len(course.ends)) - 1]) if page > 0 and len(course.ends) else 0
