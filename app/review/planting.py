"""Known negatives among the candidates: whether they are struck out tells how many others are. Pure.

People overlook wrong pictures, the more the fewer there are (the low-prevalence effect). An image that was rejected
for the class is shown once more among the candidates now and then; no verdict on it is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

# With fewer rejected images the same ones would come again and again.
LEAST_REJECTED = 10

T = TypeVar("T")


def to_plant(rejected: NDArray[np.int64], scores: NDArray[np.float32], *, rate: float, random: Random) -> list[int]:
    """Return the rows to plant on a page: on average `rate` of them, none until enough have been rejected.

    They are drawn from the half of the rejected images that ranks higher: what is plainly wrong would tell nothing of
    what is hard to see.
    """
    if len(rejected) < LEAST_REJECTED:
        return []
    count = int(rate) + (random.random() < rate % 1)
    likelier = rejected[np.argsort(-scores[rejected], kind="stable")[: max(1, len(rejected) // 2)]]
    return random.sample(likelier.tolist(), min(count, len(likelier)))


def laid_out(tiles: Sequence[T], planted: Sequence[T], *, doubtful_first: bool, random: Random) -> list[T]:
    """Return the tiles of a page in the order shown. Planted ones come in place of the last, not besides."""
    kept = tiles[: max(1, len(tiles) - len(planted))]
    mixed = insert_at_random(kept, planted, random=random)
    return mixed[::-1] if doubtful_first else mixed


def insert_at_random(tiles: Sequence[T], planted: Sequence[T], *, random: Random) -> list[T]:
    """Return the tiles with the planted ones among them, at places that tell nothing."""
    mixed = list(tiles)
    for tile in planted:
        mixed.insert(random.randint(0, len(mixed)), tile)
    return mixed
