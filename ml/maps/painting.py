"""From names of images to the colours of points: so few that the eye tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.maps.colouring import BadLabels, Colouring
from ml.vectors import Digests

OTHER, UNLABELLED = "other", "unlabelled"

# Tableau's ten without its grey, which stands for what has no colour, and three that are far from them.
_COLOURS = (
    "#1f77b4",
    "#ff7f0e",
    "#2ca02c",
    "#d62728",
    "#9467bd",
    "#8c564b",
    "#e377c2",
    "#17becf",
    "#bcbd22",
    "#252f8f",
    "#f7cf1d",
    "#0d5c46",
)
_GREYS = {OTHER: "#8a8a8a", UNLABELLED: "#c4c4c4"}


@dataclass(frozen=True)
class Entry:
    """A line of the legend."""

    name: str
    colour: str  # as in CSS
    count: int  # of points


@dataclass(frozen=True)
class Painting:
    """A legend, and which line of it each point belongs to."""

    what: str  # what the names are: "class", "group", or "" where there are none
    legend: Sequence[Entry]
    entries: npt.NDArray[np.uint8]  # (n,)


def painted(colouring: Colouring | None, digests: Digests | None, *, count: int) -> Painting:
    """Give each of `count` points its line of a legend; without a colouring there is one line for all.

    The twelve most frequent names have colours, the rest is “other”; the legend is in the colouring's order, else the
    alphabet's. Raises BadLabels if no point has a name.
    """
    if colouring is None:
        return Painting("", [Entry("images", _COLOURS[0], count)], np.zeros(count, dtype=np.uint8))
    if digests is None:
        raise BadLabels("Labels are matched by the images' ids, and these vectors have none; --ids FILE names them.")
    names = [colouring.names.get(digest.tobytes().hex(), UNLABELLED) for digest in digests]
    counts = Counter(name for name in names if name not in _GREYS)
    if not counts:
        raise BadLabels(f"None of the {len(colouring.names):,} labelled images is among those of the map.")
    coloured = [name for name, _ in counts.most_common(len(_COLOURS))]
    coloured.sort(key=lambda name: (colouring.order.index(name) if name in colouring.order else 0, name))
    shown = [name if name in coloured or name == UNLABELLED else OTHER for name in names]
    totals = Counter(shown)
    colours = dict(zip(coloured, _COLOURS, strict=False)) | {name: _GREYS[name] for name in _GREYS if name in totals}
    lines = {name: line for line, name in enumerate(colours)}
    legend = [Entry(name, colour, totals[name]) for name, colour in colours.items()]
    return Painting(colouring.what, legend, np.array([lines[name] for name in shown], dtype=np.uint8))
