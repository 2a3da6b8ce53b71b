"""What is to be expected of a review: how pure its next page will be, how many matches are left, when to stop.

Why this model and these constants, and how well it foretells: docs/decisions/0012-outlook.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.search.match_curves import MatchCurves, Tally, Values, log_odds
from app.search.ranking import REMEMBERED, Floats, PoolStatistics, length_of

Rows: TypeAlias = NDArray[np.integer]
Counts: TypeAlias = NDArray[np.intp]

# The strip has so many bars, and scores are counted in so many steps for each; verdicts in so many in all.
_BARS, _STEPS_A_BAR, _VERDICT_STEPS = 48, 8, 64
# An image that was learned from scores nearer to its target than one that was not. The share of the way that it was
# pulled there was this on average, for accepted and for rejected images, with vectors of 512 numbers.
_ACCEPTED_PULL, _REJECTED_PULL, _PULL_DIMENSION = 0.15, 0.09, 512
_ACCEPTED_TARGET, _REJECTED_TARGET = 1.0, -0.1
# What other reviews taught. The log-odds of the next page: a constant, the curves' own, those of the last page, and of
# the three before it.
_PURITY = (0.18, 0.91, 0.45, -0.14)
# How many are left, and two: the curves' own number times the odds of the last page to this power. For each match
# found there are so many besides that look like none; at the top of the interval, so many.
_LAST_PAGE, _ODD_ONES, _MOST_ODD_ONES = 0.23, 0.008, 0.03
# The spread of that number's logarithm, and what comes to it with a single page of verdicts.
_SPREAD, _EARLY_SPREAD = 0.65, 1.1
_NINETY = 1.645
# How closely the curves follow what was learned from other reviews.
_FIRMNESS = 0.15
# Before the first verdict, the next page is as pure as first pages were, and the class as large as classes were.
_FIRST_PURITY, _FIRST_SHARE, _FIRST_SPREAD = 0.3, 0.03, 1.3
_PAGES_BEFORE_GIVING_UP = 3
# Who overlooks more is taken to overlook so much: beyond it, hardly a verdict would tell anything.
_MOST_OVERLOOKED = 0.4


@dataclass(frozen=True)
class PageResult:
    """What came of one page that showed the best of the order."""

    shown: int  # images that were accepted or rejected
    accepted: int


@dataclass(frozen=True)
class Strip:
    """The range of today's scores in bars of equal width, lowest first."""

    edges: Values  # (bars + 1,) scores
    left: Counts  # (bars,) undecided images
    accepted: Counts  # (bars,)
    rejected: Counts  # (bars,)
    probability: Values  # (bars,) of a match, in the middle of the bar


@dataclass(frozen=True)
class Outlook:
    """What is to be expected of the undecided images under today's order."""

    undecided: int
    next_purity: float  # the share of matches expected on the next page
    left: int  # matches among the undecided, about
    low: int  # nine times in ten there are so many at least,
    high: int  # and so many at most
    cut: int  # so many undecided images are more likely to match than not: the first of the order
    stop: bool  # whether the next page is expected to hold less than one match, or three held none
    sentence: str
    strip: Strip
    _scores: Values
    _chances: Values

    def probability(self, scores: Floats) -> Floats:
        """Return the chance of a match for undecided images of these scores: never less for a higher one."""
        return np.interp(scores, self._scores, self._chances).astype(np.float32)


def outlook(
    *,
    query: Floats,
    accepted: Rows,
    rejected: Rows,
    scores: Floats,
    hidden: NDArray[np.bool_],
    direction: Floats,
    pool: PoolStatistics,
    size: int,
    pages: Sequence[PageResult] = (),
    overlooked: float = 0.0,
) -> Outlook:
    """Look ahead, from what is known before a page of `size` images.

    `query` (q, d) holds unit vectors; `accepted` and `rejected` are all rows of these verdicts, the latest last;
    `scores` (n,) are those of all images under `direction` (d,), which was learned from these verdicts; `hidden` (n,)
    masks the images that will not be shown. `pages` are the review's committed pages that showed the best of the
    order, the latest last; the last four count. Pages of another kind are left out: their verdicts are among the rows.
    Of images that do not match, the share `overlooked` is taken to be accepted all the same, as known negatives that
    are planted on pages tell. The same input gives the same outlook.
    """
    verdicts = [scores[accepted], scores[rejected]]
    left = scores[~hidden]
    if not len(left):
        return _nothing_left(verdicts)
    count, decided = min(size, len(left)), len(accepted) + len(rejected)
    edges = _edges([left, *verdicts], _BARS * _STEPS_A_BAR)
    counts = [_counts(values, edges) for values in (left, *verdicts)]
    middles = (edges[1:] + edges[:-1]) / 2
    middle = float(direction @ pool.mean)
    spread = sqrt(max(float(direction @ pool.covariance @ direction), 1e-12))
    slips = min(overlooked, _MOST_OVERLOOKED) / (1 - min(overlooked, _MOST_OVERLOOKED))
    found = _right(len(accepted), len(rejected), slips)
    curves = MatchCurves(
        Tally((middles - middle) / spread, counts[0].astype(np.float64)),
        _tally([(values - middle) / spread for values in _unlearned(verdicts, query, direction, pool)], slips),
        page=count,
        found=found,
        images=len(scores),
    )
    purity, about, doubt = _expected(curves, found, decided, pages, slips, undecided=len(left), size=size)
    about = min(max(about, purity * count), float(len(left)))
    factor = np.exp(_NINETY * doubt)
    low = max((about + 2) / factor - 2, 0.0)
    high = min((about + 2) * factor - 2 + _MOST_ODD_ONES * found, float(len(left)))
    curves.heed(purity=purity, left=about, firmness=_FIRMNESS)
    chances = curves.chances()
    hopeless = not len(accepted) and decided >= _PAGES_BEFORE_GIVING_UP * size
    stop = hopeless or (purity * count < 1 and len(accepted) > 0)
    figures = (round(about), int(low), int(np.ceil(high)))
    return Outlook(
        undecided=len(left),
        next_purity=purity,
        left=figures[0],
        low=figures[1],
        high=figures[2],
        cut=int(np.count_nonzero(left >= _likely_from(middles, chances))),
        stop=stop,
        sentence=_sentence(figures, purity, count, decided, stop=stop, hopeless=hopeless),
        strip=_strip(edges, counts, chances),
        _scores=middles,
        _chances=chances,
    )


def _unlearned(verdicts: list[Floats], query: Floats, direction: Floats, pool: PoolStatistics) -> list[Floats]:
    """Return about the scores that the verdicts' images would have, had they not been learned from."""
    recent = [values[-REMEMBERED:] for values in verdicts]
    length = length_of(direction, query=query @ direction, accepted=recent[0], rejected=recent[1], pool=pool)
    if length <= 0:
        return recent
    middle = float(direction @ pool.mean)
    honest = []
    for values, pull, aim in zip(
        recent, (_ACCEPTED_PULL, _REJECTED_PULL), (_ACCEPTED_TARGET, _REJECTED_TARGET), strict=True
    ):
        pulled = pull * min(1.0, len(direction) / _PULL_DIMENSION)
        honest.append(middle + (values - middle - pulled * aim / length) / (1 - pulled))
    return honest


def _expected(
    curves: MatchCurves,
    found: float,
    decided: int,
    pages: Sequence[PageResult],
    slips: float,
    *,
    undecided: int,
    size: int,
) -> tuple[float, float, float]:
    """Return the next page's purity, how many matches are left, and the spread of that figure's logarithm."""
    if not decided:
        return _FIRST_PURITY, _FIRST_SHARE * undecided, _FIRST_SPREAD
    own = float(log_odds(curves.mean(curves.purity)))
    last, before = own, own
    if pages:
        last = _smooth(pages[-1:], slips)
        before = _smooth(pages[-4:-1], slips) if len(pages) > 1 else last
    purity = 1 / (1 + np.exp(-np.dot(_PURITY, (1, own, last, before))))
    about = np.exp(curves.mean(np.log(curves.left + 1)) + _LAST_PAGE * last) + _ODD_ONES * found - 2
    doubt = np.sqrt(_SPREAD**2 + _EARLY_SPREAD**2 * size / decided)
    return float(purity), float(max(about, 0.0)), float(doubt)


def _right(accepted: float, rejected: float, slips: float) -> float:
    """Return how many of the accepted match, if for each rejected image so many slipped through."""
    return max(accepted - slips * rejected, 0.0)


def _smooth(pages: Sequence[PageResult], slips: float) -> float:
    """Return the log-odds of the pages' purity, kept away from the ends as half a match does."""
    shown, accepted = (sum(getattr(page, name) for page in pages) / len(pages) for name in ("shown", "accepted"))
    right = _right(accepted, shown - accepted, slips)
    return float(np.log((right + 0.5) / (shown - right + 0.5)))


def _likely_from(scores: Values, chances: Values) -> float:
    """Return the score from which on a match is more likely than not; infinity if none is."""
    at = int(np.searchsorted(chances, 0.5))
    if at == len(chances):
        return float("inf")
    return float(np.interp(0.5, chances[at - 1 : at + 1], scores[at - 1 : at + 1])) if at else float("-inf")


def _sentence(
    figures: tuple[int, int, int], purity: float, count: int, decided: int, *, stop: bool, hopeless: bool
) -> str:
    if not decided:
        return "Nothing is decided yet: the first page will tell more."
    if hopeless:
        none = f"There seems to be no match in this pool: none among {decided:,} images."
        return f"{none} Start from another picture, or stop."
    left, low, high = figures
    most = _spoken(high)
    few = f"Hardly any left (at most {most})" if left < 1 else f"About {_spoken(left)} left ({_spoken(low)} to {most})"
    pure = f"about {100 * purity:.0f} % pure" if purity >= 0.01 else "less than 1 % pure"
    return f"{few}; the next {count} are {pure}." + (" Time to stop." if stop else "")


def _spoken(count: int) -> str:
    """Return the count with two digits that mean something: more would promise too much."""
    return f"{round(count, min(0, 2 - len(str(count)))):,}"


def _strip(edges: Values, counts: list[Counts], chances: Values) -> Strip:
    left, accepted, rejected = (steps.reshape(_BARS, -1).sum(axis=1) for steps in counts)
    return Strip(edges[::_STEPS_A_BAR], left, accepted, rejected, chances.reshape(_BARS, -1).mean(axis=1))


def _nothing_left(verdicts: list[Floats]) -> Outlook:
    edges = _edges(verdicts, _BARS * _STEPS_A_BAR)
    counts = [_counts(values, edges) for values in (verdicts[0][:0], *verdicts)]
    strip = _strip(edges, counts, np.zeros(_BARS * _STEPS_A_BAR))
    return Outlook(0, 0.0, 0, 0, 0, 0, True, "Every image is decided.", strip, edges[:1], np.zeros(1))


def _tally(verdicts: list[Floats], slips: float) -> Tally:
    edges = _edges(verdicts, _VERDICT_STEPS)
    accepted, rejected = (_counts(values, edges).astype(np.float64) for values in verdicts)
    wrong = np.minimum(slips * rejected, accepted)
    return Tally((edges[1:] + edges[:-1]) / 2, np.stack([accepted - wrong, rejected + wrong]))


def _edges(parts: list[Floats], steps: int) -> Values:
    """Return the edges of so many steps of equal width from the lowest value to the highest."""
    ends = [float(end) for values in parts if len(values) for end in (values.min(), values.max())] or [0.0]
    return np.linspace(min(ends), max(*ends, min(ends) + 1e-6), steps + 1)


def _counts(values: Floats, edges: Values) -> Counts:
    """Count values in steps of equal width: many times faster than in steps of any width."""
    steps = len(edges) - 1
    places = ((values - np.float32(edges[0])) * np.float32(steps / (edges[-1] - edges[0]))).astype(np.intp)
    counts = np.bincount(places, minlength=steps)
    # The highest value lies on the last edge, and rounding may carry it past.
    counts[steps - 1] += counts[steps:].sum()
    return counts[:steps]
