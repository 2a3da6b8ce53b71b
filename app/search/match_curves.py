"""How the chance of a match falls along the order: logistic curves, each weighed by how well it fits the verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.search.ranking import Floats

Values: TypeAlias = NDArray[np.float64]

# A curve is its log-odds on the next page, and their slope for each standard deviation of the pool's scores.
_HEIGHTS = np.linspace(-9.0, 5.0, 36)[:, np.newaxis, np.newaxis]
_SLOPES = np.geomspace(0.2, 5.0, 10)[:, np.newaxis]
# How curves were in other reviews: flat at first, steeper with the accepted images.
_USUAL_HEIGHT, _HEIGHT_SPREAD = -9.0, 8.0
_FIRST_SLOPE, _STEEPER, _SLOPE_SPREAD = 0.44, 0.46, 0.3
# The share of a pool that a class fills; a larger one is less usual than a smaller one. Of its logarithm, the spreads.
_USUAL_SHARE, _LARGER_SPREAD, _SMALLER_SPREAD = 0.05, 0.8, 1.4
# Verdicts of one review are no independent witnesses, and those far from the next page tell little of it: so many
# standard deviations away, they count half.
_WITNESS, _NEAR = 0.35, 0.7


@dataclass(frozen=True)
class Tally:
    """Counts by score, in steps: the middles in standard deviations of the pool's scores, and how many lie in each."""

    middles: Values  # (steps,)
    counts: Values  # (steps,) or (2, steps): accepted and rejected


class MatchCurves:
    """Curves over the undecided images, and how much is to be said for each. Nothing here depends on chance."""

    def __init__(self, undecided: Tally, verdicts: Tally, *, page: int, found: float, images: int) -> None:
        """Weigh all curves. `page` is the size of the next page, `found` how many of the pool's `images` matched."""
        before = np.cumsum(undecided.counts[::-1])[::-1] - undecided.counts
        on_page = np.clip(page - before, 0, undecided.counts)
        on_page /= on_page.sum()
        self._here = float(on_page @ undecided.middles)
        self._chances = 0.5 + 0.5 * np.tanh(0.5 * _log_odds(undecided.middles - self._here))
        figures = self._chances @ np.stack([on_page, undecided.counts], axis=1).astype(np.float32)
        self.purity = figures[..., 0].astype(np.float64)  # (heights, slopes) of the next page
        self.left = figures[..., 1].astype(np.float64)  # matches among the undecided
        self._weigh(self._prior(found, images) + self._likelihood(verdicts))

    def heed(self, *, purity: float, left: float, firmness: float) -> None:
        """Weigh the curves anew, towards those with this purity of the next page and so many matches left."""
        far = (log_odds(self.purity) - log_odds(purity)) ** 2 + (np.log(self.left + 1) - np.log(left + 1)) ** 2
        self._weigh(self._log_weights - 0.5 * far / firmness**2)

    def mean(self, values: Values) -> float:
        """Return the weighted mean of a figure (heights, slopes) of the curves."""
        return float((self.weights * values).sum())

    def chances(self) -> Values:
        """Return the chance of a match at each of the undecided images' middles, never falling from low to high."""
        flat = self.weights.ravel().astype(np.float32) @ self._chances.reshape(self.weights.size, -1)
        return np.asarray(np.maximum.accumulate(flat), dtype=np.float64)

    def _prior(self, found: float, images: int) -> Values:
        slopes = np.log(_SLOPES[:, 0] / _FIRST_SLOPE) - _STEEPER * np.log1p(found / 10)
        share = np.log((self.left + found + 1) / images / _USUAL_SHARE)
        unusual = (
            ((_HEIGHTS[..., 0] - _USUAL_HEIGHT) / _HEIGHT_SPREAD) ** 2
            + (slopes / _SLOPE_SPREAD) ** 2
            + (share / np.where(share > 0, _LARGER_SPREAD, _SMALLER_SPREAD)) ** 2
        )
        return np.asarray(-0.5 * unusual)

    def _likelihood(self, verdicts: Tally) -> Values:
        away = verdicts.middles - self._here
        accepted, rejected = (verdicts.counts * _WITNESS / (1 + (away / _NEAR) ** 2)).astype(np.float32)
        odds = _log_odds(away)
        # The logarithm of 1 + exp, which may be large.
        softened = np.maximum(odds, 0) + np.log1p(np.exp(-np.abs(odds)))
        return np.asarray(odds @ accepted - softened @ (accepted + rejected), dtype=np.float64)

    def _weigh(self, log_weights: Values) -> None:
        self._log_weights = log_weights - log_weights.max()
        weights = np.exp(self._log_weights)
        self.weights = weights / weights.sum()


def log_odds(share: float | Values) -> Values:
    """Return the log-odds, for a share that may be 0 or 1 as for one a thousandth away from it."""
    held = np.clip(share, 0.001, 0.999)
    return np.asarray(np.log(held / (1 - held)))


def _log_odds(away: Values) -> Floats:
    """Return those of all curves (heights, slopes, steps), in the numbers that a processor is quickest with."""
    return np.asarray(_HEIGHTS + _SLOPES * away, dtype=np.float32)
