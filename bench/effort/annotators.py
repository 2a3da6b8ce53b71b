"""Who looks at the pages: an annotator is told which tiles match, and says which ones it strikes out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.bool_]
Annotator = Callable[[Marks], Marks]
Chances = NDArray[np.float64]

# The low-prevalence effect: people miss 7 % of what they look for where half of the pictures hold it, 16 % where a
# tenth do, 30 % where a hundredth do (Wolfe, Horowitz & Kenner, Nature 435, 2005). A line over the logarithm of the
# share passes through all three; further down it is held at 40 %.
_MISSED_AT_HALF, _MISSED_AT_A_HUNDREDTH, _MOST_MISSED = 0.07, 0.30, 0.40
# An assumption: every hundredth right tile is struck out by a slip.
SLIPS = 0.01


def perfect(matches: Marks) -> Marks:
    """Strike out what does not match, and nothing else."""
    return ~matches


def careless(seed: int, *, slips: float = SLIPS) -> Annotator:
    """Return an annotator that overlooks wrong tiles, the more the fewer there are, and slips now and then."""
    random = np.random.default_rng(seed)

    def strike_out(matches: Marks) -> Marks:
        chance = random.random(len(matches))
        return np.where(matches, chance < slips, chance >= missed(float(np.mean(~matches))))

    return strike_out


def missed(wrong: float) -> float:
    """Return the chance that a wrong tile is overlooked on a page of which this share is wrong."""
    return float(_missed(np.array([wrong]))[0])


def missed_in_order(wrong: Marks, *, memory: int) -> Chances:
    """Return for each tile, looked at in this order, the chance that it would be overlooked if it were wrong.

    It follows the share of wrong ones among the `memory` tiles looked at before, however they were judged: what is
    overlooked depends on what was met before (Lau & Huang, Vision Research 50, 2010), not on what is expected. How far
    back is an assumption. A few trials matter weakly or not at all, a long history does (Ishibashi, Kita & Wolfe,
    Attention, Perception & Psychophysics 74, 2012), and people followed a share that rose and fell over 1,000 trials
    (Wolfe & Van Wert, Current Biology 20, 2010). Whoever has seen nothing yet is as alert as where half are wrong.
    Nothing here tires people: a decline was measured over minutes and hours, not within the seconds of a page.
    """
    before = np.concatenate([[0], np.cumsum(wrong)])[:-1]
    seen = np.minimum(np.arange(len(wrong)), memory)
    within = before - before[np.arange(len(wrong)) - seen]
    return _missed(np.where(seen > 0, within / np.maximum(1, seen), 0.5))


def _missed(wrong: Chances) -> Chances:
    slope = (_MISSED_AT_A_HUNDREDTH - _MISSED_AT_HALF) / np.log(0.5 / 0.01)
    # Where none is wrong the logarithm has no end, and the bound holds.
    chances = _MISSED_AT_HALF + slope * np.log(0.5 / np.maximum(wrong, 1e-9))
    return np.clip(chances, _MISSED_AT_HALF, _MOST_MISSED)
