"""All randomness of a run as pure functions of its seed: so nothing random is ever saved, and any part can be redrawn.

Philox (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) enciphers a counter under a key: the key
comes from seed, epoch and purpose, and every position of an epoch owns the same count of counter values, whatever
was drawn before it. Only the generator's raw bits are used, which NumPy promises never to change (NEP 19), so that
a run may go on under another NumPy.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

_ORDER, _VIEWS = 0, 1  # purposes: streams that have nothing in common

_RAW_IN_BLOCK = 4  # 64-bit numbers that Philox makes of one counter value


def epoch_order(seed: int, epoch: int, images: int) -> npt.NDArray[np.int64]:
    """Return a permutation of `images` row numbers: the order in which an epoch sees them."""
    return np.argsort(_philox(seed, epoch, _ORDER).random_raw(images), kind="stable")


def uniforms(
    seed: int, epoch: int, positions: slice[int, int, Any] | range, *, views: int = 2, width: int
) -> npt.NDArray[np.float32]:
    """Return (n, views, width) numbers of [0, 1), for n consecutive positions in an epoch's order.

    They are multiples of 2^-24, exact in float32, so that none is ever rounded up to 1. A position has the same
    numbers however an epoch is cut into parts.
    """
    count = positions.stop - positions.start
    blocks = ceil(views * width / (2 * _RAW_IN_BLOCK))
    philox = _philox(seed, epoch, _VIEWS)
    philox.advance(positions.start * blocks)
    raw = philox.random_raw(count * blocks * _RAW_IN_BLOCK)
    halves = raw.astype("<u8", copy=False).view("<u4").reshape(count, 2 * blocks * _RAW_IN_BLOCK)[:, : views * width]
    return (halves >> 8).astype(np.float32).reshape(count, views, width) * np.float32(2**-24)


def _philox(seed: int, epoch: int, purpose: int) -> np.random.Philox:
    return np.random.Philox(np.random.SeedSequence(seed, spawn_key=(epoch, purpose)))
