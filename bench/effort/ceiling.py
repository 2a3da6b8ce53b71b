"""The ceiling: the order of a linear ranker that was shown the truth of the whole pool."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from app.search.ranking import Floats, PoolStatistics
from bench.effort.pools import Pool
from bench.effort.rules import Rule, Scorer

# Weak, because nothing is held back: of 10, 100 and 1000, this is where more hardly finds more.
_INVERSE_REGULARISATION = 100.0
_STEPS = 300


def oracle(pool: Pool) -> Rule:
    """Return the rule that knows every label. A class is learned once for all reviews that start in it."""
    learned: dict[str, Floats] = {}

    def rule(vectors: Floats, statistics: PoolStatistics, query: int) -> Scorer:
        name = str(pool.classes[query])
        if name not in learned:
            ranker = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=_STEPS)
            ranker.fit(vectors, pool.classes == name)
            learned[name] = np.asarray(vectors @ ranker.coef_[0].astype(np.float32))
        return lambda accepted, rejected: learned[name]

    return rule
