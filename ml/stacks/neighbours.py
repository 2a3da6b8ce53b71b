"""Which images may be near-identical: each with those whose vectors are nearly the same as its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from ml.progress import Progress
from ml.vectors import Vectors

# The inner product from which on two pictures are worth a look. How both were chosen: docs/decisions/0013-stacks.md.
ALIKE = 0.9

# So many of the nearest are looked at, the image itself among them. No stack can be larger.
NEAREST = 32

# Up to here every vector is compared with every other.
_EXACT_UP_TO = 20_000
# Beyond, with those of the cells around it.
_CELLS_SEARCHED = 8
_ROUNDS = 5
_PER_CELL = 40  # vectors that the cells' centres are learned from

_ROWS_AT_ONCE = 1024

Pairs = npt.NDArray[np.int32]  # (p, 2)
_Rows = npt.NDArray[np.int64]  # (p,)


def near_pairs(vectors: Vectors, *, progress: Progress) -> Pairs:
    """Return the pairs of rows that may be near-identical: both ways round, ordered, nobody with itself.

    Of unit vectors (n, d). A row has its nearest, and those whose nearest it is.
    """
    count = len(vectors)
    found = list(_searched(_searchable(vectors), vectors, progress))
    askers, rows = (np.concatenate(part) for part in zip(*found, strict=True))
    # A pair as one number: many times quicker to sort than as two.
    both_ways = np.concatenate([askers * count + rows, rows * count + askers])
    return np.stack(np.divmod(np.unique(both_ways), count), axis=1).astype(np.int32)


def _searched(index: Any, vectors: Vectors, progress: Progress) -> Iterator[tuple[_Rows, _Rows]]:
    """Yield rows that asked and what they found, side by side."""
    count = len(vectors)
    for start in range(0, count, _ROWS_AT_ONCE):
        wanted = vectors[start : start + _ROWS_AT_ONCE]
        scores, rows = index.search(wanted, min(NEAREST, count))
        askers = np.broadcast_to(np.arange(start, start + len(wanted))[:, None], rows.shape)
        near = (scores >= ALIKE) & (rows != askers)
        yield askers[near], rows[near]
        progress.step("stacks", start + len(wanted), count)


def _searchable(vectors: Vectors) -> Any:
    count, dimension = vectors.shape
    index: Any = faiss.IndexFlatIP(dimension)
    if count > _EXACT_UP_TO:
        # As many cells as make finding the right ones and searching them equally dear.
        cells = int((_CELLS_SEARCHED * count) ** 0.5)
        index = faiss.IndexIVFFlat(index, dimension, cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.max_points_per_centroid = _ROUNDS, _PER_CELL
        index.nprobe = _CELLS_SEARCHED
        index.train(vectors)
    index.add(vectors)
    return index
