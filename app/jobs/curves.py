"""What was measured over the epochs, as a line to be drawn. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.pages import short

WIDTH, HEIGHT = 320, 96  # of the drawing, in its own units
_MARGIN = 6

_NAMES = {"rank_me": "RankMe", "knn": "kNN accuracy"}


@dataclass(frozen=True)
class Curve:
    """One measure over the epochs."""

    name: str
    points: list[tuple[float, float]]  # epoch, value
    line: str  # the same, as the points of a polyline in a drawing of WIDTH by HEIGHT
    end: tuple[float, float]  # where the line ends in it

    @property
    def told(self) -> str:
        """The curve in a sentence."""
        (first, begins), (last, ends) = self.points[0], self.points[-1]
        if len(self.points) == 1:
            return f"{self.name}: {short(begins)} at epoch {first:g}"
        return f"{self.name}: from {short(begins)} at epoch {first:g} to {short(ends)} at epoch {last:g}"


def curves(judged: Sequence[Mapping[str, Any]], *, epochs: int) -> list[Curve]:
    """Return a curve for each measure that was taken at least once; `epochs` is how far the drawing reaches."""
    names = dict.fromkeys(name for line in judged for name in line if name != "epoch")
    series = {
        name: [(float(line["epoch"]), line[name]) for line in judged if _is_number(line.get(name))] for name in names
    }
    return [
        _curve(_NAMES.get(name, name.replace("_", " ")), points, epochs) for name, points in series.items() if points
    ]


def _curve(name: str, points: list[tuple[float, float]], epochs: int) -> Curve:
    values = [value for _, value in points]
    lowest, highest = min(values), max(values)
    places = [
        (
            round(_MARGIN + (WIDTH - 2 * _MARGIN) * min(epoch / max(epochs, 1), 1), 1),
            round(_MARGIN + (HEIGHT - 2 * _MARGIN) * (1 - _share(value, lowest, highest)), 1),
        )
        for epoch, value in points
    ]
    return Curve(name, points, " ".join(f"{x},{y}" for x, y in places), places[-1])


def _share(value: float, lowest: float, highest: float) -> float:
    return (value - lowest) / (highest - lowest) if highest > lowest else 0.5


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
