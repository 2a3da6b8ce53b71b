"""The order over a pool: verdicts become one weight vector, whose inner products with all images are the scores.

The best of them are looked at once more: what one direction gets wrong, the verdicts on images like these put right.

Why this rule and these constants, and what lost against them: docs/decisions/0008-ranking.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Of accepted and of rejected images, so many of the latest are looked at. It bounds the cost of a page.
REMEMBERED = 800

# So many of the best, or a page of them if that is more, are set right by verdicts on what is like them.
SHORTLIST = 180

# The pool as a whole counts as so many examples of what is not wanted.
_POOL_WEIGHT = 1000.0
# What least squares aims at: 1 for an accepted image, 0 for the pool's average one.
_REJECTED_TARGET = -0.1
# All rejects together weigh as much as the accepted images and this many more, so that in a rare class
# hundreds of rejects do not drown a few dozen accepted images.
_REJECTS_BEFORE_ACCEPTS = 30
# How far the covariance is drawn towards a ball. Whitening misleads where there are few examples, so it begins
# nearly round and takes the pool's shape with about this many verdicts.
_LEAST_SHRINKAGE = 0.3
_VERDICTS_TO_TRUST = 30
# Keeps the equations solvable in a pool whose vectors are all alike; lengths are those of unit vectors.
_LEAST_VARIANCE = 1e-6
# The equations are solved to this part of their right side: the first page is then that of the exact solution.
_TOLERANCE = 1e-4
_MOST_STEPS = 200

# The correction compares with so many of the latest of either kind: half, for it costs as much for each.
_COMPARED = 400
# How fast a verdict counts for less with the distance: squared, and in units of the pool's mean squared distance.
_SHARPNESS = 16.0
# What is expected weighs as much as so many verdicts at half that squared distance.
_EXPECTATION_WEIGHT = 10.0
# With so many accepted images the correction is trusted half. In a class of few it would only repeat the rejects.
_ACCEPTED_TO_TRUST = 100


@dataclass(frozen=True)
class PoolStatistics:
    """What a ranking knows of all the images that nobody has judged."""

    mean: Floats  # (d,)
    covariance: Floats  # (d, d)
    count: int


class Examples(TypedDict):
    """Vectors that a ranking is learned from, the latest last."""

    query: Floats  # (q, d)
    accepted: Floats  # (a, d)
    rejected: Floats  # (r, d), what the query is not to be like among them


def learned_direction(*, query: Floats, accepted: Floats, rejected: Floats, pool: PoolStatistics) -> Floats:
    """Return the unit vector (d,) by whose inner product with an image's vector the image is ranked.

    `query` (q, d), `accepted` (a, d) and `rejected` (r, d) hold unit vectors, the latest verdicts last; each may
    be empty. The same input gives the same direction. It is all zeros if nothing can be told from the input:
    no vectors at all, or none that differs from the pool's mean.
    """
    wanted = np.concatenate([query, accepted[-REMEMBERED:]]) - pool.mean
    unwanted = rejected[-REMEMBERED:] - pool.mean
    weight = _weight_of_rejects(len(wanted), len(unwanted))

    # Weighted least squares: 1 for what is wanted, a little less than 0 for rejects, 0 for the whole pool.
    moments = _POOL_WEIGHT * _shrunk(pool.covariance, verdicts=len(wanted) + len(unwanted) - 1)
    moments += wanted.T @ wanted
    moments += weight * (unwanted.T @ unwanted)
    target = wanted.sum(axis=0) + weight * _REJECTED_TARGET * unwanted.sum(axis=0)
    direction = _solution(moments, target)
    length = np.linalg.norm(direction)
    return direction / length if length > 0 else direction


def corrected(
    candidates: Floats, *, direction: Floats, query: Floats, accepted: Floats, rejected: Floats, pool: PoolStatistics
) -> Floats:
    """Return the scores (m,) of candidates (m, d) by this direction, set right by the verdicts on what is like them.

    A candidate gains where images like it were accepted that the direction puts low, and loses where such were
    rejected that it puts high. `direction` is what `learned_direction` made of the other arguments. The scores
    stay in its units; until there are both accepted and rejected images, they are its own.
    """
    scores = candidates @ direction
    if not len(accepted) or not len(rejected):
        return scores
    wanted, unwanted = np.concatenate([query, accepted[-_COMPARED:]]), rejected[-_COMPARED:]
    judged = np.concatenate([wanted, unwanted])
    is_wanted = np.arange(len(judged)) < len(wanted)
    # An accepted image should stand as high above the pool's average one as they do on the whole, a rejected one level.
    height = (judged - pool.mean) @ direction
    surprise = np.where(is_wanted, height[is_wanted].mean(), 0) - height
    weights = np.where(is_wanted, 1, np.float32(_weight_of_rejects(len(wanted), len(unwanted))))
    # Of unit vectors the squared distance is 2 - 2 * their product; its mean over the pool is twice the variance.
    variance = max(float(np.trace(pool.covariance)), _LEAST_VARIANCE)
    likeness = weights * np.exp(_SHARPNESS * (0.5 - (1 - candidates @ judged.T) / variance))
    trust = len(accepted) / (len(accepted) + _ACCEPTED_TO_TRUST)
    corrections = trust * (likeness @ surprise) / (likeness.sum(axis=1) + _EXPECTATION_WEIGHT)
    return np.asarray(scores + corrections, dtype=np.float32)


def length_of(direction: Floats, *, query: Floats, accepted: Floats, rejected: Floats, pool: PoolStatistics) -> float:
    """Return how long the least squares solution was before `learned_direction` made it a unit vector.

    `query` (q,), `accepted` (a,) and `rejected` (r,) are the scores of its examples. So many times a score, from
    that of the pool's mean, is what was fitted to 1, to a little less than 0, and to 0. It is 0 for no direction.
    """
    middle = direction @ pool.mean
    wanted = np.concatenate([query, accepted[-REMEMBERED:]]) - middle
    unwanted = rejected[-REMEMBERED:] - middle
    weight = _weight_of_rejects(len(wanted), len(unwanted))
    shrunk = _shrunk(pool.covariance, verdicts=len(wanted) + len(unwanted) - 1)
    moment = _POOL_WEIGHT * (direction @ shrunk @ direction) + wanted @ wanted + weight * (unwanted @ unwanted)
    target = wanted.sum() + weight * _REJECTED_TARGET * unwanted.sum()
    return float(target / moment) if moment > 0 else 0.0


def best(scores: Floats, *, hidden: NDArray[np.bool_] | NDArray[np.integer], count: int) -> NDArray[np.intp]:
    """Return the rows of the `count` highest scores, best first, equal ones by row; fewer if there are fewer.

    `hidden` is a mask (n,) or a list of rows; none of them is returned.
    """
    left_out = np.zeros(len(scores), dtype=bool)
    left_out[hidden] = True
    count = min(count, len(scores) - int(np.count_nonzero(left_out)))
    if count <= 0:
        return np.empty(0, dtype=np.intp)
    open_scores = np.where(left_out, -np.inf, scores)
    # argpartition alone would choose by chance among equals at the edge.
    edge = np.partition(open_scores, -count)[-count]
    above = np.flatnonzero(open_scores > edge)
    level = np.flatnonzero(open_scores == edge)[: count - len(above)]
    above = above[np.argsort(-open_scores[above], kind="stable")]
    return np.concatenate([above, level])


def _weight_of_rejects(wanted: int, unwanted: int) -> float:
    """Return what each rejected image weighs beside an accepted one."""
    return min(1.0, (wanted + _REJECTS_BEFORE_ACCEPTS) / max(1, unwanted))


def _shrunk(covariance: Floats, *, verdicts: int) -> Floats:
    """Return the covariance drawn towards a ball of the same volume of variance, the more the fewer the verdicts."""
    shrinkage = max(_LEAST_SHRINKAGE, _VERDICTS_TO_TRUST / (_VERDICTS_TO_TRUST + max(0, verdicts)))
    dimension = len(covariance)
    variance = max(float(np.trace(covariance)) / dimension, _LEAST_VARIANCE)
    shrunk = np.asarray((1 - shrinkage) * covariance, dtype=np.float32)
    shrunk[np.diag_indices(dimension)] += np.float32(shrinkage * variance)
    return shrunk


def _solution(matrix: Floats, right: Floats) -> Floats:
    """Return x with matrix @ x = right, for a symmetric positive matrix, by conjugate gradients.

    Elimination takes five times as long, and far longer when its threads have to share the cores with others.
    """
    scale: Floats = np.reciprocal(np.diag(matrix))
    x, rest = np.zeros_like(right), right
    step = scale * rest
    size = rest @ step
    enough = _TOLERANCE**2 * (right @ right)
    for _ in range(_MOST_STEPS):
        if rest @ rest <= enough:
            break
        change = matrix @ step
        length = size / (step @ change)
        x, rest = x + length * step, rest - length * change
        size, before = rest @ (scale * rest), size
        step = scale * rest + (size / before) * step
    return x
