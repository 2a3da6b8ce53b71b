"""A past review, replayed on the vectors of an index version: what would it have cost with these? Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.search.ranking import SHORTLIST, Floats, PoolStatistics, best, corrected, learned_direction

PAGE = 60


def rejects_met(
    vectors: Floats,
    matches: NDArray[np.bool_],
    *,
    wanted: Floats,
    unwanted: Floats,
    pool: PoolStatistics,
    goal: int,
    size: int = PAGE,
) -> int:
    """Return how many rejects a perfect annotator meets until `goal` images are accepted, page after page.

    `vectors` (m, d) are those of the images that were judged, of which `matches` (m,) were accepted; the pages are
    made of these alone, by the same ranking as real ones. `wanted` (q, d) and `unwanted` (u, d) are the query. There
    have to be `goal` matches.
    """
    hidden = np.zeros(len(vectors), dtype=np.bool_)
    accepted = rejected = np.empty(0, dtype=np.intp)
    while len(accepted) < goal:
        examples = {
            "query": wanted,
            "accepted": vectors[accepted],
            "rejected": np.concatenate([vectors[rejected], unwanted]),
        }
        direction = learned_direction(**examples, pool=pool)
        shortlist = best(vectors @ direction, hidden=hidden, count=max(size, SHORTLIST))
        scores = corrected(vectors[shortlist], direction=direction, pool=pool, **examples)
        page = shortlist[np.argsort(-scores, kind="stable")][:size]
        # The last page is looked at as far as the last image that is wanted.
        enough = np.flatnonzero(np.cumsum(matches[page]) >= goal - len(accepted))
        page = page[: enough[0] + 1] if len(enough) else page
        hidden[page] = True
        accepted = np.concatenate([accepted, page[matches[page]]])
        rejected = np.concatenate([rejected, page[~matches[page]]])
    return len(rejected)
