"""What a map costs, and how much of the vectors' order is left in it.

    python -m bench.mapping --vectors DIR [--labels PATH] [--sizes 2000 10000] [--methods pca2 pacmap2 pacmap3 …]

DIR is what `python -m ml embed` has gathered. Seconds are of the wall, from the vectors to the coordinates, numba's
and the libraries' loading aside. Two figures of quality, of up to 2,000 points each: how many of a point's ten
nearest others are so in the vectors as well, and, with labels, how many points the ten nearest others give the right
class by majority, in the map beside the vectors.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import faiss
import numpy as np
from rich.console import Console
from rich.table import Table

from ml.maps.colouring import by_class
from ml.maps.principal import principal_components
from ml.maps.projections import TSNE_AT_MOST_IN_SPACE, Method, lay_out
from ml.progress import JsonLines
from ml.vectors import VectorSet, read_vectors

NEIGHBOURS = 10
ASKED = 2000
MOST_SECONDS = 120  # for 10,000 vectors to three dimensions by PaCMAP


class Silent(JsonLines):
    """Progress that nobody waits for."""

    def _line(self, **event: object) -> None:
        pass


@dataclass(frozen=True)
class Cost:
    """One line of the table."""

    method: str
    dimensions: int
    count: int
    seconds: float
    cpu_seconds: float  # of all cores together; others at work on the machine disturb it little
    kept: float  # of the ten nearest others
    right: float | None  # classes by majority of the ten nearest others
    right_in_vectors: float | None


def main() -> int:
    """Print the table; exit code 1 if PaCMAP takes more than two minutes for up to 10,000 vectors in space."""
    layouts = [f"{method}{dimensions}" for method in get_args(Method) for dimensions in (2, 3)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, required=True, help="a finished folder of vectors")
    parser.add_argument("--labels", type=Path, help="the pictures' folder, or a CSV")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 10_000], help="how many vectors to lay out")
    parser.add_argument("--methods", nargs="+", choices=layouts, default=layouts, help="each with its dimensions")
    options = parser.parse_args()

    content = read_vectors(options.vectors)
    labels = None
    if options.labels:
        names = by_class(options.labels, Silent()).names
        labels = np.array([names.get(digest.tobytes().hex(), "") for digest in content.digests])
    table = Table(
        *("layout", "vectors", "seconds", "cores' s", "near kept", "class right", "of vectors"),
        title=f"{content.encoder}, {content.dimension} dimensions, {os.cpu_count()} cores",
    )
    costs = []
    for cost in measured(content, labels, sizes=options.sizes, layouts=options.methods):
        costs.append(cost)
        right = [f"{share:.1%}" if share is not None else "" for share in (cost.right, cost.right_in_vectors)]
        name = f"{cost.method}, {cost.dimensions}-D"
        table.add_row(
            name, f"{cost.count:,}", f"{cost.seconds:.1f}", f"{cost.cpu_seconds:.1f}", f"{cost.kept:.1%}", *right
        )
    Console().print(table)
    held = [cost.seconds for cost in costs if cost.method == "pacmap" and cost.dimensions == 3 and cost.count <= 10_000]
    return int(max(held, default=0) > MOST_SECONDS)


def measured(content: VectorSet, labels: np.ndarray | None, *, sizes: list[int], layouts: list[str]) -> Iterator[Cost]:
    """Yield the cost of each layout of so many vectors, drawn at random; what t-SNE refuses is left out."""
    for layout in layouts:
        _coordinates(content.vectors[:200], layout)
    for size in sizes:
        rows = np.sort(np.random.default_rng(0).permutation(len(content.vectors))[:size])
        vectors = content.vectors[rows]
        of_vectors = _nearest(vectors)
        for layout in layouts:
            if layout == "tsne3" and len(rows) > TSNE_AT_MOST_IN_SPACE:
                continue
            began, cpu_began = time.monotonic(), time.process_time()
            coordinates = _coordinates(vectors, layout)
            seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu_began
            of_map = _nearest(coordinates)
            kept = float(np.mean([len(set(a) & set(b)) for a, b in zip(of_map, of_vectors, strict=True)])) / NEIGHBOURS
            right = [None if labels is None else _right(labels[rows], nearest) for nearest in (of_map, of_vectors)]
            yield Cost(layout[:-1], int(layout[-1]), len(rows), seconds, cpu_seconds, kept, *right)


def _coordinates(vectors: np.ndarray, layout: str) -> np.ndarray:
    components = principal_components(lambda: [vectors], count=len(vectors), keep=50, progress=Silent())
    method, dimensions = layout[:-1], int(layout[-1])
    return lay_out(components, method=method, dimensions=dimensions, seed=0, progress=Silent()).coordinates


def _nearest(points: np.ndarray) -> np.ndarray:
    """Return the rows of the ten nearest others of the points asked about."""
    index = faiss.IndexFlatL2(points.shape[1])
    index.add(np.ascontiguousarray(points))
    asked = _asked(len(points))
    _, found = index.search(np.ascontiguousarray(points[asked]), NEIGHBOURS + 1)
    return np.array([[row for row in rows if row != own][:NEIGHBOURS] for own, rows in zip(asked, found, strict=True)])


def _right(labels: np.ndarray, nearest: np.ndarray) -> float:
    classes, numbers = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(nearest), len(classes)))
    np.add.at(votes, (np.arange(len(nearest))[:, None], numbers[nearest]), 1)
    return float((votes.argmax(axis=1) == numbers[_asked(len(labels))]).mean())


def _asked(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, ASKED)).astype(int))


if __name__ == "__main__":
    sys.exit(main())
