"""How well vectors tell classes apart, by labels that are there already. Pure; the same input gives the same figures.

`vectors` are (n, d) float32 of unit length, `labels` (n,) whole numbers from 0, and `groups` (n,) name images that are
near-identical: an image is never judged by one of its own group.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
Values = NDArray[np.float64]

NEIGHBOURS = 20
FOLDS = 5

_TEMPERATURE = 0.1
_ROWS_AT_ONCE = 512
_STRENGTHS = tuple(10.0**power for power in range(-6, 1))
_RESAMPLES = 1000


def named_by_neighbours(vectors: Vectors, labels: Whole, groups: Whole) -> Flags:
    """Return which images (n,) get their own label from their 20 nearest, each vote weighted by likeness."""
    votes = np.eye(int(labels.max()) + 1, dtype=np.float32)
    right = np.empty(len(labels), dtype=np.bool_)
    for rows, likeness in _likenesses(vectors, groups, np.arange(len(labels))):
        nearest = _highest(likeness, min(NEIGHBOURS, len(labels) - 1))
        weights = np.exp(np.take_along_axis(likeness, nearest, axis=1) / _TEMPERATURE)
        scores = np.einsum("qk,qkc->qc", weights, votes[labels[nearest]])
        right[rows] = scores.argmax(axis=1) == labels[rows]
    return right


def named_by_probe(vectors: Vectors, labels: Whole, groups: Whole, *, seed: int = 0) -> Flags:
    """Return which images (n,) get their own label from a linear probe that was fitted to the other four fifths.

    The probe is least squares on one target for each class; how strongly it is held back is chosen on a fifth of
    what it learns from. A group is on one side as a whole.
    """
    folds = _folds(groups, seed=seed)
    targets = np.eye(int(labels.max()) + 1)[labels]
    wide = vectors.astype(np.float64)
    right = np.zeros(len(labels), dtype=np.bool_)
    for fold in range(FOLDS):
        tested, tuned = folds == fold, folds == (fold + 1) % FOLDS
        learnt = ~(tested | tuned)
        if not learnt.any() or not tested.any():
            continue
        tries = [scores.argmax(axis=1) == labels[tuned] for scores in _probes(wide, targets, learnt, tuned)]
        best = int(np.argmax([found.mean() if len(found) else 0.0 for found in tries]))
        scores = list(_probes(wide, targets, ~tested, tested))[best]
        right[tested] = scores.argmax(axis=1) == labels[tested]
    return right


def precision(vectors: Vectors, labels: Whole, groups: Whole, queries: Whole, *, depth: int) -> Values:
    """Return for each query row (q,) the share of its own class among the `depth` labelled images most like it.

    In a class of fewer it is the share among as many as there are.
    """
    shares = np.empty(len(queries))
    done = 0
    for rows, likeness in _likenesses(vectors, groups, queries):
        nearest = _highest(likeness, min(depth, len(labels) - 1))
        for row, ranked in zip(rows, nearest, strict=True):
            others = int(np.count_nonzero((labels == labels[row]) & (groups != groups[row])))
            shares[done] = float((labels[ranked[: max(1, min(depth, others))]] == labels[row]).mean())
            done += 1
    return shares


def interval(values: Values | Flags, *, seed: int = 0) -> tuple[float, float]:
    """Return the bootstrap's 95 % interval of the mean."""
    random = np.random.default_rng(seed)
    means = [random.choice(values, len(values)).mean() for _ in range(_RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def interval_of_change(first: Values, second: Values, *, seed: int = 0) -> tuple[float, float]:
    """Return the bootstrap's 95 % interval of how much larger the sum of `second` is than that of `first`, in parts.

    They are pairs, (n,) each; draws in which `first` sums to nothing are left out.
    """
    random = np.random.default_rng(seed)
    drawn = random.integers(len(first), size=(_RESAMPLES, len(first)))
    before, after = first[drawn].sum(axis=1), second[drawn].sum(axis=1)
    low, high = np.quantile(after[before > 0] / before[before > 0] - 1, [0.025, 0.975])
    return float(low), float(high)


def _likenesses(vectors: Vectors, groups: Whole, queries: Whole) -> Iterator[tuple[Whole, Vectors]]:
    """Yield portions of the queries with their likeness to all images, in which their own group has none."""
    for start in range(0, len(queries), _ROWS_AT_ONCE):
        rows = queries[start : start + _ROWS_AT_ONCE]
        likeness = vectors[rows] @ vectors.T
        likeness[groups[rows][:, None] == groups[None, :]] = -np.inf
        yield rows, likeness


def _highest(likeness: Vectors, count: int) -> NDArray[np.intp]:
    """Return the places of the highest of each row, (q, count), the highest first."""
    found = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(likeness, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def _folds(groups: Whole, *, seed: int) -> Whole:
    _, number = np.unique(groups, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(int(number.max()) + 1)
    return np.asarray(shuffled[number] % FOLDS, dtype=np.int64)


def _probes(vectors: Values, targets: Values, learnt: Flags, asked: Flags) -> Iterator[Values]:
    """Yield the scores of the asked images by each strength in turn."""
    mean, middle = vectors[learnt].mean(axis=0), targets[learnt].mean(axis=0)
    centred = vectors[learnt] - mean
    values, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    fitted = directions.T @ (centred.T @ (targets[learnt] - middle) / len(centred))
    seen = (vectors[asked] - mean) @ directions
    for strength in _STRENGTHS:
        yield middle + seen @ (fitted / (np.maximum(values, 0) + strength)[:, None])
