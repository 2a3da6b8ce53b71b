"""Which images a step sees, and by what draws: functions of the recipe's seed and the step, whoever asks and when."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ml.pretraining.draws import epoch_order, uniforms

# About a second's worth for a GPU, so that few threads and copies are waited for, and few megabytes.
_STEPS_A_BLOCK = 64


class Block(NamedTuple):
    """The k steps from `first` on, for one rank."""

    first: int
    rows: npt.NDArray[np.int64]  # (k, n): of the images
    draws: npt.NDArray[np.float32]  # (k, n, 2, width): of [0, 1)


@dataclass(frozen=True)
class Schedule:
    """The steps of a run. Batch b of an epoch is order[b * batch : (b + 1) * batch]; a last, short one is dropped.

    Each rank takes an equal part of every batch, in the order of ranks: so the batches are the same for any number.
    """

    seed: int
    images: int
    batch: int  # over all ranks
    width: int  # draws that a view takes

    @property
    def steps_per_epoch(self) -> int:
        return self.images // self.batch

    def rows(self, step: int, *, rank: int, world: int) -> npt.NDArray[np.int64]:
        """Return the rows of the images, (n,), that a rank sees in a step."""
        epoch, positions = self._place(step, rank, world)
        return _order(self.seed, epoch, self.images)[positions.start : positions.stop]

    def draws(self, step: int, *, rank: int, world: int) -> npt.NDArray[np.float32]:
        """Return what the views of those images are made by, (n, 2, width)."""
        epoch, positions = self._place(step, rank, world)
        return uniforms(self.seed, epoch, positions, width=self.width)

    def blocks(self, start: int, stop: int, *, rank: int, world: int) -> Iterator[Block]:
        """Yield the steps from `start` to before `stop`, each block drawn in a thread while the last one is used."""

        def block(first: int) -> Block:
            steps = range(first, min(first + _STEPS_A_BLOCK, stop))
            rows = np.stack([self.rows(step, rank=rank, world=world) for step in steps])
            return Block(first, rows, np.stack([self.draws(step, rank=rank, world=world) for step in steps]))

        with ThreadPoolExecutor(1, "draws") as thread:
            waiting: deque[Future[Block]] = deque()
            for first in range(start, stop, _STEPS_A_BLOCK):
                waiting.append(thread.submit(block, first))
                if len(waiting) > 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _place(self, step: int, rank: int, world: int) -> tuple[int, range]:
        """Return the epoch, and the positions in its order."""
        epoch, number = divmod(step, self.steps_per_epoch)
        share = self.batch // world
        first = number * self.batch + rank * share
        return epoch, range(first, first + share)


# The epoch that goes on and the one that begins.
@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, images: int) -> npt.NDArray[np.int64]:
    return epoch_order(seed, epoch, images)
