"""How deep to look next: doubling until a page hardly matches, then halving. Pure: no database, no web."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# A page of which less than this matches lies beyond the end.
ENOUGH = 0.5


class Probe(NamedTuple):
    """What a page from somewhere in the order has shown."""

    skipped: int  # images that come before it in the order as it is now, undecided
    purity: float


def next_depth(probes: Iterable[Probe], *, size: int, remaining: int) -> int | None:
    """Return how many images to skip for the next look down the order, or None where its end has been found.

    The looks so far may come in any order. `size` is that of a page, and the end is known as exactly as that.
    """
    probes = list(probes)
    last = max(0, remaining - size)
    beyond = min((probe.skipped for probe in probes if probe.purity < ENOUGH), default=None)
    # A good page deeper than a bad one is chance, or a second heap of matches that the order will bring up anyway.
    good = max((probe.skipped for probe in probes if probe.purity >= ENOUGH and _before(probe, beyond)), default=0)
    if beyond is None:
        return min(max(2 * good, 2 * size), last) if good < last else None
    return (good + beyond) // 2 if beyond - good > size else None


def _before(probe: Probe, beyond: int | None) -> bool:
    return beyond is None or probe.skipped < beyond
