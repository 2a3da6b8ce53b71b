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

# Scores are counted in so many steps; the strip has so many bars.
_STEPS, _VERDICT_STEPS, _BARS = 256, 64, 48
# An image that was learned from scores nearer to its target than one that was not. The share of the way that it was
# pulled there was this on average, for accepted and for rejected images, with vectors of 512 numbers.
_ACCEPTED_PULL, _REJECTED_PULL, _PULL_DIMENSION = 0.15, 0.09, 512
_ACCEPTED_TARGET, _REJECTED_TARGET = 1.0, -0.1
# What other reviews taught. The log-odds of the next page: a constant, the curves' own, those of the last page, and of
# the three before it.
_PURITY = (0.14, 0.77, 0.53, -0.22)
# The logarithm of how many are left: a constant, the curves' own, then the same three log-odds, then the logarithm of
# the accepted share of all verdicts.
_LEFT = (3.2, 0.39, 0.59, 0.11, -0.18, -0.15)
# The spread of that logarithm's error: at best, and what comes to it with a single page of verdicts.
_SPREAD, _EARLY_SPREAD = 0.7, 1.0
_NINETY = 1.645
# How closely the curves follow what was learned from other reviews.
_FIRMNESS = 0.15
# Before the first verdict, the next page is as pure as first pages were, and the class as large as classes were.
_FIRST_PURITY, _FIRST_SHARE, _FIRST_SPREAD = 0.3, 0.03, 1.3
_PAGES_BEFORE_GIVING_UP = 3


@dataclass(frozen=True)
class PageResult:
    """What came of one page."""

    shown: int
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
    stop: bool  # whether the next page is expected to hold less than one match
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
) -> Outlook:
    """Look ahead, from what is known before a page of `size` images.

    `query` (q, d) holds unit vectors; `accepted` and `rejected` are all rows of these verdicts, the latest last;
    `scores` (n,) are those of all images under `direction` (d,), which was learned from these verdicts; `hidden` (n,)
    masks the images that will not be shown. `pages` are the review's pages so far that showed the best of the
    order, the latest last, of which the last four count; pages from deeper in the order or sampled are left out, for
    their verdicts are among the rows. The same input gives the same outlook.
    """
    left = scores[~hidden].astype(np.float64)
    verdicts = [scores[rows].astype(np.float64) for rows in (accepted, rejected)]
    if not len(left):
        return _nothing_left(verdicts)
    count = min(size, len(left))
    middle = float(direction @ pool.mean)
    spread = sqrt(max(float(direction @ pool.covariance @ direction), 1e-12))

    edges, counts = _counted(left, _STEPS)
    middles = (edges[1:] + edges[:-1]) / 2
    honest = _unlearned(verdicts, query=query, direction=direction, pool=pool)
    curves = MatchCurves(
        Tally((middles - middle) / spread, counts.astype(np.float64)),
        _tally([(values - middle) / spread for values in honest]),
        page=count,
        found=len(accepted),
        images=len(scores),
    )
    purity, about, doubt = _expected(curves, len(accepted), len(rejected), pages, images=len(scores), size=size)
    about = min(max(about, purity * count), float(len(left)))
    curves.heed(purity=purity, left=about, firmness=_FIRMNESS)
    chances = curves.chances()
    low, high = (min(max((about + 1) * np.exp(way * doubt) - 1, 0.0), len(left)) for way in (-_NINETY, _NINETY))
    likely = np.interp(left, middles, chances) >= 0.5 if chances[-1] >= 0.5 else np.zeros(0, dtype=bool)
    stop = purity * count < 1 and len(accepted) + len(rejected) > 0
    none = not len(accepted) and len(rejected) >= _PAGES_BEFORE_GIVING_UP * size
    figures = (round(about), int(low), int(np.ceil(high)))
    return Outlook(
        undecided=len(left),
        next_purity=purity,
        left=figures[0],
        low=figures[1],
        high=figures[2],
        cut=int(np.count_nonzero(likely)),
        stop=stop or none,
        sentence=_sentence(figures, purity, verdicts, stop=stop, none=none),
        strip=_strip(left, verdicts, middles, chances),
        _scores=middles,
        _chances=chances,
    )


def _unlearned(verdicts: list[Values], *, query: Floats, direction: Floats, pool: PoolStatistics) -> list[Values]:
    """Return about the scores that the verdicts' images would have, had they not been learned from."""
    recent = [values[-REMEMBERED:] for values in verdicts]
    accepted, rejected = (values.astype(np.float32) for values in recent)
    length = length_of(direction, query=query @ direction, accepted=accepted, rejected=rejected, pool=pool)
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
    curves: MatchCurves, accepted: int, rejected: int, pages: Sequence[PageResult], *, images: int, size: int
) -> tuple[float, float, float]:
    """Return the next page's purity, how many matches are left, and the spread of that figure's logarithm."""
    decided = accepted + rejected
    if not decided:
        return _FIRST_PURITY, _FIRST_SHARE * images, _FIRST_SPREAD
    own = float(log_odds(curves.mean(curves.purity)))
    last, before = own, own
    if pages:
        last = _smooth(pages[-1:])
        before = _smooth(pages[-4:-1]) if len(pages) > 1 else last
    purity = 1 / (1 + np.exp(-np.dot(_PURITY, (1, own, last, before))))
    share = np.log(accepted + 1) - np.log(decided)
    about = np.exp(np.dot(_LEFT, (1, curves.mean(np.log(curves.left + 1)), own, last, before, share))) - 1
    doubt = np.sqrt(_SPREAD**2 + _EARLY_SPREAD**2 * size / decided)
    return float(purity), float(max(about, 0.0)), float(doubt)


def _smooth(pages: Sequence[PageResult]) -> float:
    """Return the log-odds of the pages' purity, kept away from the ends as half a match does."""
    shown, accepted = (sum(getattr(page, name) for page in pages) / len(pages) for name in ("shown", "accepted"))
    return float(np.log((accepted + 0.5) / (shown - accepted + 0.5)))


def _sentence(figures: tuple[int, int, int], purity: float, verdicts: list[Values], *, stop: bool, none: bool) -> str:
    decided = sum(map(len, verdicts))
    if not decided:
        return "Nothing is decided yet: the first page will tell more."
    if none:
        return f"There seems to be no match in this pool: none among {decided:,} images."
    left, low, high = figures
    few = f"Hardly any left (at most {high:,})" if left < 1 else f"About {left:,} left ({low:,} to {high:,})"
    pure = f"about {100 * purity:.0f} % pure" if purity >= 0.01 else "less than 1 % pure"
    return f"{few}; the next page {pure}." + (" Time to stop." if stop else "")


def _strip(left: Values, verdicts: list[Values], middles: Values, chances: Values) -> Strip:
    values = [left, *verdicts]
    ends = [end for part in values if len(part) for end in (part.min(), part.max())]
    edges = np.linspace(min(ends), max(*ends, min(ends) + 1e-6), _BARS + 1)
    counts = [_counts(part, edges) for part in values]
    return Strip(edges, counts[0], counts[1], counts[2], np.interp((edges[1:] + edges[:-1]) / 2, middles, chances))


def _nothing_left(verdicts: list[Values]) -> Outlook:
    none = np.zeros(1)
    strip = _strip(np.empty(0), verdicts if sum(map(len, verdicts)) else [none, np.empty(0)], none, none)
    return Outlook(0, 0.0, 0, 0, 0, 0, True, "Every image of this pool is decided.", strip, none, none)


def _tally(verdicts: list[Values]) -> Tally:
    both = np.concatenate(verdicts)
    if not len(both):
        return Tally(np.zeros(1), np.zeros((2, 1)))
    edges, _ = _counted(both, _VERDICT_STEPS)
    return Tally((edges[1:] + edges[:-1]) / 2, np.stack([_counts(part, edges) for part in verdicts]).astype(np.float64))


def _counted(values: Values, steps: int) -> tuple[Values, Counts]:
    edges = np.linspace(values.min(), max(values.max(), values.min() + 1e-6), steps + 1)
    return edges, _counts(values, edges)


def _counts(values: Values, edges: Values) -> Counts:
    """Count values in steps of equal width: many times faster than for steps of any width."""
    steps = len(edges) - 1
    places = ((values - edges[0]) * (steps / (edges[-1] - edges[0]))).astype(np.intp)
    return np.bincount(np.clip(places, 0, steps - 1), minlength=steps)
