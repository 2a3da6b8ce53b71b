"""Who looks at the pages: an annotator is told which tiles match, and says which ones it strikes out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.bool_]
Annotator = Callable[[Marks], Marks]

# The low-prevalence effect: people miss 7 % of what they look for where half of the pictures hold it, 16 % where a
# tenth do, 30 % where a hundredth do (Wolfe, Horowitz & Kenner, Nature 435, 2005). A line over the logarithm of the
# share passes through all three; further down it is held at 40 %.
_MISSED_AT_HALF, _MISSED_AT_A_HUNDREDTH, _MOST_MISSED = 0.07, 0.30, 0.40
# An assumption: every hundredth right tile is struck out by a slip.
_SLIPS = 0.01


def perfect(matches: Marks) -> Marks:
    """Strike out what does not match, and nothing else."""
    return ~matches


def careless(seed: int) -> Annotator:
    """Return an annotator that overlooks wrong tiles, the more the fewer there are, and slips now and then."""
    random = np.random.default_rng(seed)

    def strike_out(matches: Marks) -> Marks:
        chance = random.random(len(matches))
        return np.where(matches, chance < _SLIPS, chance >= missed(float(np.mean(~matches))))

    return strike_out


def missed(wrong: float) -> float:
    """Return the chance that a wrong tile is overlooked on a page of which this share is wrong."""
    if wrong <= 0:
        return _MOST_MISSED
    slope = (_MISSED_AT_A_HUNDREDTH - _MISSED_AT_HALF) / np.log(0.5 / 0.01)
    return float(np.clip(_MISSED_AT_HALF + slope * np.log(0.5 / wrong), _MISSED_AT_HALF, _MOST_MISSED))
