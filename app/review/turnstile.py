"""Lets requests to the work on pages one after the other, those that somebody waits for first.

Threads that compute at the same time hold each other up far more than one that waits its turn: each of the twenty or
so answers of the database that a page takes waits for Python's lock, and then for each of them.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from enum import IntEnum
from itertools import count
from threading import Lock

from fastapi import Depends, Request

# In each process. What is not Python (the database, the pass over all vectors) leaves room for the other.
AT_ONCE = 2


class Rank(IntEnum):
    """Who goes first."""

    WAITED_FOR = 0
    BESIDE = 1  # nobody looks at an empty screen meanwhile


class Turnstile:
    """Lets so many through at once, the others by rank, then in the order in which they came. Thread-safe.

    Whoever waits takes no thread, and whoever is told not to wait any longer is forgotten.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._waiting: list[tuple[Rank, int, Future[None]]] = []
        self._arrivals = count()
        self._lock = Lock()

    @asynccontextmanager
    async def passed(self, rank: Rank) -> AsyncIterator[None]:
        """Hold one of the places for a block."""
        await self._enter(rank)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, rank: Rank) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            place: Future[None] = Future()
            heapq.heappush(self._waiting, (rank, next(self._arrivals), place))
        try:
            await asyncio.wrap_future(place)
        except asyncio.CancelledError:
            # It may have been given to this one at the same moment.
            if not place.cancel() and not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        with self._lock:
            while self._waiting:
                _, _, place = heapq.heappop(self._waiting)
                if place.set_running_or_notify_cancel():
                    place.set_result(None)
                    return
            self._free += 1


async def _waited_for(request: Request) -> AsyncIterator[None]:
    async with request.app.state.turnstile.passed(Rank.WAITED_FOR):
        yield


async def _beside(request: Request) -> AsyncIterator[None]:
    async with request.app.state.turnstile.passed(Rank.BESIDE):
        yield


# Given back before the answer is sent, however long that takes.
waited_for = Depends(_waited_for, scope="function")
beside = Depends(_beside, scope="function")
