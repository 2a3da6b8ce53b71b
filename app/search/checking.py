"""Whether an index version is fit to be served: its files are whole, and a search of it gives what it must."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.search.ranking import best
from app.search.served_index import ServedIndex
from ml.artifacts import BadArtifact, IndexManifest

# So many images are looked for, and the search for each is compared so deep with an exact one: a page.
LOOKED_FOR = 100
DEPTH = 60

_SEED = 0
_ROWS_AT_ONCE = 8192
# Scores are single precision; what is closer than this is level.
_LEVEL = 1e-5


@dataclass(frozen=True)
class Checks:
    """What an index version was found to be; that its checksums match and its shapes agree goes without saying."""

    count: int  # of vectors
    left_out: int  # images without one
    looked_for: int  # images drawn at random
    found_themselves: int  # those of them that nothing is more like than they themselves
    depth: int
    recall: float  # the share of the exact search's first `depth` that the served search gives

    @property
    def fit(self) -> bool:
        """Whether the version may be served: its search is exact, so anything less is a fault."""
        return self.found_themselves == self.looked_for and self.recall == 1


def check_index(folder: Path, *, told: Callable[[int, int], None] = lambda done, total: None) -> Checks:
    """Return what an index version is found to be; the same folder gives the same answer. `told` hears how far it is.

    Raises BadArtifact if a file is missing, damaged or of another shape than the manifest says, or if an image has
    two rows.
    """
    manifest = IndexManifest.read(folder)
    index = ServedIndex.open(folder)
    if len(np.unique(index.digests, axis=0)) < manifest.count:
        raise BadArtifact(f"The index version {folder} holds an image twice.")
    depth = min(DEPTH, manifest.count)
    drawn = np.random.default_rng(_SEED).choice(manifest.count, min(LOOKED_FOR, manifest.count), replace=False)
    queries = index.vectors[drawn]
    worst_wanted = _exact_scores(index, queries, depth)
    found = 0
    shares = []
    for number, query in enumerate(queries):
        rows = best(index.score(query), hidden=np.empty(0, dtype=np.intp), count=depth)
        exact = index.vectors[rows].astype(np.float64) @ query.astype(np.float64)
        found += bool(exact[0] >= query.astype(np.float64) @ query - _LEVEL)
        shares.append(float((exact >= worst_wanted[number] - _LEVEL).mean()))
        told(number + 1, len(queries))
    return Checks(manifest.count, manifest.left_out, len(drawn), found, depth, float(np.mean(shares)))


def _exact_scores(index: ServedIndex, queries: NDArray[np.float32], depth: int) -> NDArray[np.float64]:
    """Return the score (q,) of the last of the first `depth` by double precision, for each query."""
    wide = queries.astype(np.float64).T
    highest = np.empty((0, len(queries)))
    for start in range(0, len(index.vectors), _ROWS_AT_ONCE):
        scores = index.vectors[start : start + _ROWS_AT_ONCE].astype(np.float64) @ wide
        highest = np.concatenate([highest, scores])
        if len(highest) > depth:
            highest = np.partition(highest, -depth, axis=0)[-depth:]
    return np.asarray(highest.min(axis=0))
