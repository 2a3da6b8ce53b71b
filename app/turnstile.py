"""Lets requests through one after the other, those that somebody waits for first.

Threads that compute at the same time hold each other up far more than one that waits its turn: each of the twenty or
so answers of the database that a page takes waits for Python's lock, and then for each of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock

from fastapi import Depends, Request

# In each process. While one waits for the database, the other has the processor.
AT_ONCE = 2
# Where somebody is always waited for, the others wait no longer than about this.
PATIENCE_S = 1.0
# Nobody computes for so long: whoever stays longer waits for what others hold in the database, and is not counted.
HELD_UP_S = 0.5


class Rank(Enum):
    """Who goes first."""

    WAITED_FOR = "somebody waits for the answer"
    BESIDE = "nobody looks at an empty screen meanwhile"


@dataclass(eq=False)
class _Place:
    rank: Rank
    since: float = field(default_factory=time.monotonic)
    given: Future[None] = field(default_factory=Future)
    counts: bool = False


class Turnstile:
    """Lets a few through at once, the others later, in the order in which they came. Thread-safe.

    Of those `BESIDE` it lets one through at a time, and none to join one who is waited for: whoever is waited for finds
    a place, and the processor, free. Whoever waits takes no thread. Another one takes the place of who is inside and
    held up: a pool whose rule is being changed keeps the people of no other pool waiting.
    """

    def __init__(self, *, held_up_s: float | None = HELD_UP_S) -> None:
        """Whoever is inside for so long is held up; with None nobody is, as where all wait for the same writer."""
        self._held_up_s = held_up_s
        self._inside = dict.fromkeys(Rank, 0)
        self._waiting: dict[Rank, deque[_Place]] = {rank: deque() for rank in Rank}
        self._lock = Lock()

    @asynccontextmanager
    async def passed(self, rank: Rank) -> AsyncIterator[None]:
        """Be let through for a block."""
        place = _Place(rank)
        with self._lock:
            self._waiting[rank].append(place)
            self._let_in()
        try:
            await asyncio.wrap_future(place.given)
        except asyncio.CancelledError:
            # It may have been given at the same moment.
            if not place.given.cancel() and not place.given.cancelled():
                self._make_room(place)
            raise
        loop, wait = asyncio.get_running_loop(), self._held_up_s
        held_up = None if wait is None else loop.call_later(wait, self._make_room, place)
        try:
            yield
        finally:
            if held_up is not None:
                held_up.cancel()
            self._make_room(place)

    def _make_room(self, place: _Place) -> None:
        """Count somebody inside no longer, once."""
        with self._lock:
            if place.counts:
                place.counts = False
                self._inside[place.rank] -= 1
                self._let_in()

    def _let_in(self) -> None:
        while (rank := self._next()) is not None:
            place = self._waiting[rank].popleft()
            # Whoever does not wait any longer is passed over.
            if place.given.set_running_or_notify_cancel():
                place.counts = True
                self._inside[rank] += 1
                place.given.set_result(None)

    def _next(self) -> Rank | None:
        if sum(self._inside.values()) >= AT_ONCE:
            return None
        beside = self._waiting[Rank.BESIDE] if not self._inside[Rank.BESIDE] else None
        if beside and time.monotonic() - beside[0].since > PATIENCE_S:
            return Rank.BESIDE
        if self._waiting[Rank.WAITED_FOR]:
            return Rank.WAITED_FOR
        return Rank.BESIDE if beside and not self._inside[Rank.WAITED_FOR] else None


async def _waited_for(request: Request) -> AsyncIterator[None]:
    async with request.app.state.turnstile.passed(Rank.WAITED_FOR):
        yield


async def _beside(request: Request) -> AsyncIterator[None]:
    async with request.app.state.turnstile.passed(Rank.BESIDE):
        yield


# Left before the answer is sent, however long that takes.
waited_for = Depends(_waited_for, scope="function")
beside = Depends(_beside, scope="function")
