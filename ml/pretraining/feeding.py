"""Batches on the device: from all pixels in its memory, or from the disk on the way. The same batches either way.

Pictures are decoded once, by processes, into a file (ml/pixels.py). What does not fit into the memory of a GPU is read
from there, by threads, a few batches ahead into pinned memory: at 96 pixels an image is 28 kB, so that a disk of 1 GB/s
brings more of them in a second than a GPU trains on, where decoding anew would want a hundred cores.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ml.pretraining.methods import Batch
from ml.pretraining.schedule import Schedule

# What the weights, the views and the activations need is not known beforehand.
_MOST_OF_MEMORY = 0.5

_ROWS_AT_ONCE = 4096
_BATCHES_AHEAD = 2  # for each thread


class Feed(Protocol):
    """Where batches come from."""

    def batches(self, start: int, stop: int, *, rank: int, world: int) -> Iterator[Batch]:
        """Yield a rank's part of the steps from `start` to before `stop`, on the device."""


class Resident:
    """All pixels, (n, 3, stored, stored) uint8, lie in the device's memory; a step picks rows, and nothing waits."""

    def __init__(self, pixels: npt.NDArray[np.uint8], schedule: Schedule, device: torch.device) -> None:
        self._schedule = schedule
        self._device = device
        self._pixels = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
        for first in range(0, len(pixels), _ROWS_AT_ONCE):
            rows = slice(first, first + _ROWS_AT_ONCE)
            self._pixels[rows] = torch.from_numpy(np.array(pixels[rows]))

    def batches(self, start: int, stop: int, *, rank: int, world: int) -> Iterator[Batch]:
        for block in self._schedule.blocks(start, stop, rank=rank, world=world):
            rows, draws = _moved(block.rows, self._device), _moved(block.draws, self._device)
            for number in range(len(rows)):
                yield Batch(block.first + number, self._pixels.index_select(0, rows[number]), draws[number])


class Streaming:
    """The pixels stay where they are mapped from; threads read each step's rows before it comes."""

    def __init__(
        self, pixels: npt.NDArray[np.uint8], schedule: Schedule, device: torch.device, *, threads: int
    ) -> None:
        self._schedule = schedule
        self._device = device
        self._pixels = pixels
        self._threads = threads

    def batches(self, start: int, stop: int, *, rank: int, world: int) -> Iterator[Batch]:
        with ThreadPoolExecutor(self._threads, "pixels") as threads:
            waiting: deque[tuple[int, Tensor, Future[Tensor]]] = deque()
            for block in self._schedule.blocks(start, stop, rank=rank, world=world):
                draws = _moved(block.draws, self._device)
                for number, rows in enumerate(block.rows):
                    waiting.append((block.first + number, draws[number], threads.submit(self._read, rows)))
                    if len(waiting) > _BATCHES_AHEAD * self._threads:
                        yield self._batch(*waiting.popleft())
            while waiting:
                yield self._batch(*waiting.popleft())

    def _read(self, rows: npt.NDArray[np.int64]) -> Tensor:
        pixels = torch.empty(
            (len(rows), *self._pixels.shape[1:]), dtype=torch.uint8, pin_memory=self._device.type == "cuda"
        )
        # Straight into pinned memory, and other threads go on meanwhile; "raise" would take a copy on the way.
        np.take(self._pixels, rows, axis=0, out=pixels.numpy(), mode="clip")
        return pixels

    def _batch(self, step: int, draws: Tensor, pixels: Future[Tensor]) -> Batch:
        return Batch(step, pixels.result().to(self._device, non_blocking=True), draws)


def fits(pixels: npt.NDArray[np.uint8], device: torch.device, *, ranks: int) -> bool:
    """Whether the pixels leave enough of the memory of the device, which on a CPU so many ranks share."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    else:
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // ranks
    return pixels.nbytes <= _MOST_OF_MEMORY * free


def _moved(values: npt.NDArray[Any], device: torch.device) -> Tensor:
    """Return the values on the device, without waiting for it."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
