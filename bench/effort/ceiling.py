"""Two ceilings: orders of linear rankers that were shown the truth of the whole pool, or of all of it but the image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from app.search.ranking import Floats, PoolStatistics
from bench.effort.pools import Pool
from bench.effort.rules import Rule, Scorer

# Weak, because nothing is held back: of 10, 100 and 1000, this is where more hardly finds more.
_INVERSE_REGULARISATION = 100.0
_STEPS = 300
# Least squares, because it ranks images that it has not seen better than logistic regression does.
_RIDGE = 0.2
_FOLDS = 5

Order = Callable[[NDArray[np.bool_]], Floats]  # which images are wanted -> a score for every image


def oracle(pool: Pool) -> Rule:
    """Return the rule that knows every label. It orders the very images that it has learned from."""

    def order(truth: NDArray[np.bool_]) -> Floats:
        ranker = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=_STEPS).fit(pool.vectors, truth)
        return np.asarray(pool.vectors @ ranker.coef_[0].astype(np.float32))

    return _rule(pool, order)


def held_out(pool: Pool) -> Rule:
    """Return the rule that orders each fifth of the pool by what the labels of the other four fifths teach."""

    def order(truth: NDArray[np.bool_]) -> Floats:
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(pool.vectors, truth)
        return np.asarray(cross_val_predict(Ridge(_RIDGE), pool.vectors, truth.astype(np.float32), cv=list(folds)))

    return _rule(pool, order)


def _rule(pool: Pool, order: Order) -> Rule:
    """Return the rule of a fixed order. A class is learned once for all reviews that start in it."""
    learned: dict[str, Floats] = {}

    def rule(vectors: Floats, statistics: PoolStatistics, query: int) -> Scorer:
        name = str(pool.classes[query])
        if name not in learned:
            learned[name] = order(pool.classes == name)
        return lambda accepted, rejected: learned[name]

    return rule
