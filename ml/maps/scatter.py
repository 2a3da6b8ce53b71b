"""A map as a picture: a PNG of its points, in perspective if they lie in space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ml.maps.painting import Painting
from ml.maps.projections import Coordinates

_INCHES, _DOTS_PER_INCH = (10.0, 7.5), 120
# Places, as shares of the picture. In space the corners stay empty.
_FLAT, _SOLID, _LEGEND = (0.03, 0.04, 0.75, 0.88), (-0.05, -0.06, 0.9, 1.06), (0.78, 0.5)
_INK, _FAINT = "#333333", "#d5d5d5"
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _FAINT,
    "font.size": 11,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "text.color": _INK,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
}


def draw_scatter(coordinates: Coordinates, painting: Painting, file: Path, *, title: str) -> None:
    """Write the picture of a map's points with its legend."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH)
        solid = coordinates.shape[1] == 3
        axes: Any = figure.add_axes(_SOLID if solid else _FLAT, projection="3d" if solid else None)
        # In any other order one class would lie on top of another; in space, depth decides.
        order = np.random.default_rng(0).permutation(len(coordinates))
        colours = np.array([entry.colour for entry in painting.legend])[painting.entries]
        axes.scatter(*coordinates[order].T, c=colours[order], s=_area(len(coordinates)), alpha=0.6, linewidths=0)
        axes.set_aspect("equal")
        axes.tick_params(length=0, labelcolor="none")
        handles = [
            Line2D([], [], ls="", marker="o", ms=8, color=entry.colour, label=f"{entry.name}  {entry.count:,}")
            for entry in painting.legend
        ]
        figure.legend(handles=handles, loc="center left", bbox_to_anchor=_LEGEND, frameon=False)
        figure.suptitle(title, x=0.03, ha="left")
        figure.savefig(file, bbox_inches="tight", pad_inches=0.2)


def _area(count: int) -> float:
    """Return the area of a point, in square points: less ink for each where there are many."""
    return float(np.clip(60_000 / count, 1.5, 40))
