"""How fast work goes, told from the last while. Pure."""

from __future__ import annotations

from collections import deque
from typing import Any

# Long enough to even out batches, short enough to notice that a disk has become slow.
WINDOW_S = 30.0
LEAST_S = 3.0


class Pace:
    """What is reported of a phase, and how fast that is. Each phase begins anew: its steps are others."""

    def __init__(self) -> None:
        self._phase: str | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def figures(self, phase: str, done: int, total: int | None, *, at: float) -> dict[str, Any]:
        """Take in a report, made `at` so many seconds, and return steps a second and the seconds left.

        Either is None while it is unknown: in the first seconds, without a total, or when nothing moves.
        """
        if phase != self._phase or (self._seen and done < self._seen[-1][1]):
            self._phase = phase
            self._seen.clear()
        self._seen.append((at, done))
        while len(self._seen) > 2 and at - self._seen[1][0] >= WINDOW_S:
            self._seen.popleft()
        (begin, before), (end, after) = self._seen[0], self._seen[-1]
        if end - begin < LEAST_S or after == before:
            return {"per_second": None, "seconds_left": None}
        rate = (after - before) / (end - begin)
        return {"per_second": rate, "seconds_left": None if total is None else max(0, total - done) / rate}
