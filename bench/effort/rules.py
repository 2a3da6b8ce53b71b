"""The orders that are compared. A rule sees vectors and verdicts, never the truth; a page is the best that is open."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from app.search.ranking import REMEMBERED, SHORTLIST, Floats, PoolStatistics, best, corrected, learned_direction

Rows = NDArray[np.intp]
Scorer = Callable[[Rows, Rows], Floats]  # accepted and rejected rows, the latest last -> a score for every row
Rule = Callable[[Floats, PoolStatistics, int], Scorer]  # vectors, statistics, the query's row

_BACKGROUND = 500
_BEYOND = 100.0  # far more than products of unit vectors differ by


def winnow(vectors: Floats, pool: PoolStatistics, query: int) -> Scorer:
    """What a page of Winnow shows."""

    def scores(accepted: Rows, rejected: Rows) -> Floats:
        verdicts = {
            "query": vectors[[query]],
            "accepted": vectors[accepted[-REMEMBERED:]],
            "rejected": vectors[rejected[-REMEMBERED:]],
        }
        direction = learned_direction(**verdicts, pool=pool)
        order = vectors @ direction
        decided = np.concatenate([[query], accepted, rejected])
        shortlist = best(order, hidden=decided, count=SHORTLIST)
        # What is not on the shortlist comes after it.
        order -= _BEYOND
        order[shortlist] = corrected(vectors[shortlist], direction=direction, **verdicts, pool=pool)
        return order

    return scores


def one_direction(vectors: Floats, pool: PoolStatistics, query: int) -> Scorer:
    """Winnow's order, its best not set right."""
    return lambda accepted, rejected: (
        vectors
        @ learned_direction(
            query=vectors[[query]],
            accepted=vectors[accepted[-REMEMBERED:]],
            rejected=vectors[rejected[-REMEMBERED:]],
            pool=pool,
        )
    )


def cosine(vectors: Floats, pool: PoolStatistics, query: int) -> Scorer:
    """The source article's order: nearest to the query, whatever the verdicts."""
    return lambda accepted, rejected: vectors @ vectors[query]


def fiftyone(vectors: Floats, pool: PoolStatistics, query: int) -> Scorer:
    """FiftyOne's rule: twice the mean of what is accepted less the mean of what is rejected."""

    def scores(accepted: Rows, rejected: Rows) -> Floats:
        away = vectors[rejected].mean(axis=0) if len(rejected) else 0
        return np.asarray(vectors @ (2 * vectors[np.append(accepted, query)].mean(axis=0) - away))

    return scores


def nearest_accepted(vectors: Floats, pool: PoolStatistics, query: int) -> Scorer:
    """MorphoCluster's order: by the similarity to the nearest image that was accepted."""
    nearest = vectors @ vectors[query]
    seen = 0

    def scores(accepted: Rows, rejected: Rows) -> Floats:
        nonlocal nearest, seen
        if len(accepted) > seen:
            nearest = np.maximum(nearest, (vectors @ vectors[accepted[seen:]].T).max(axis=1))
            seen = len(accepted)
        return nearest

    return scores


def support_vectors(vectors: Floats, pool: PoolStatistics, query: int) -> Scorer:
    """Forager's order: a linear support vector machine against the rejects and a random background."""
    background = np.random.default_rng(query).choice(len(vectors), min(_BACKGROUND, len(vectors)), replace=False)

    def scores(accepted: Rows, rejected: Rows) -> Floats:
        wanted = np.append(accepted, query)
        unwanted = np.concatenate([rejected, np.setdiff1d(background, np.concatenate([wanted, rejected]))])
        if not len(unwanted):
            return vectors @ vectors[query]
        machine = LinearSVC(class_weight="balanced", max_iter=200, tol=1e-2, random_state=0)
        machine.fit(vectors[np.concatenate([wanted, unwanted])], np.arange(len(wanted) + len(unwanted)) < len(wanted))
        return np.asarray(vectors @ machine.coef_[0].astype(np.float32))

    return scores


def whitened_rocchio(vectors: Floats, pool: PoolStatistics, query: int) -> Scorer:
    """Rocchio's means, away from the pool's mean, where the pool's spread is the same in all directions."""
    dimension = len(pool.mean)
    shrunk = 0.9 * pool.covariance + 0.1 * np.trace(pool.covariance) / dimension * np.eye(dimension)
    whitening = np.linalg.inv(shrunk).astype(np.float32)

    def scores(accepted: Rows, rejected: Rows) -> Floats:
        towards = vectors[np.append(accepted, query)].mean(axis=0) - pool.mean
        away = vectors[rejected].mean(axis=0) - pool.mean if len(rejected) else 0 * pool.mean
        return np.asarray(vectors @ (whitening @ (towards - 0.5 * away)))

    return scores


RULES: dict[str, Rule] = {
    "cosine order": cosine,
    "FiftyOne's rule": fiftyone,
    "nearest accepted": nearest_accepted,
    "linear SVM": support_vectors,
    "whitened Rocchio": whitened_rocchio,
    "one direction": one_direction,
    "Winnow": winnow,
}
