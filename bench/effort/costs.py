"""What a review costs an annotator, in seconds. They are a model: no person was timed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]

# One fixation of the eyes in a visual search lasts 0.18 to 0.28 s (Rayner, 2009): one for each tile of a grid.
LOOK = 0.2
# The keystroke-level model (Card, Moran & Newell, 1980): to point takes 1.1 s, to press and release a button 0.2 s.
STRIKE_OUT = 1.1 + 0.2
# The same model: to make up one's mind takes 1.35 s, a key 0.28 s. The next page is there before it is looked at.
TURN = 1.35 + 0.28
# Yes or no to one picture after the other takes 0.8 to 1.7 s, by interface and by how easy the question is: the middle.
ONE_BY_ONE = 1.25


def seconds(struck_out: NDArray[np.bool_], ends: NDArray[np.intp]) -> Seconds:
    """Return the seconds spent by the end of each page, which are told as numbers of tiles."""
    clicks = np.concatenate([[0], np.cumsum(struck_out)])[ends]
    return np.asarray(LOOK * ends + STRIKE_OUT * clicks + TURN * np.arange(1, len(ends) + 1))
