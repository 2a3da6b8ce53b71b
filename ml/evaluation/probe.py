"""The linear probe: a logistic regression on an encoder's vectors, and how many labels it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ml.evaluation.splits import Labels, held_out

LABELS_A_CLASS = (10, 20, 50, 100, 200, 500)
DRAWS = 5

# From strong regularisation to weak, each step starting where the last one ended.
_STRENGTHS = tuple(10 ** (half / 2) for half in range(-10, 1))
_PATIENCE = 3
_STEPS_AT_MOST = 10_000

Vectors = npt.NDArray[np.float32]


class Probe(NamedTuple):
    """The share of test images that get their own label, and scikit-learn's C that was chosen for it."""

    accuracy: float
    strength: float


class FewLabels(NamedTuple):
    """The probe's accuracies from so many labels a class, each of a draw of its own."""

    labels: int
    accuracies: list[float]


def probe(train: Vectors, train_labels: Labels, test: Vectors, test_labels: Labels, *, seed: int) -> Probe:
    """Return a probe's accuracy; vectors are (n, dimension) float32 of any scale, labels int64.

    The regularisation is the one that does best on a fifth of the training images, the stronger of equals; then all
    of them are learnt from. The test images are looked at once, at the end.
    """
    held = held_out(train_labels, seed=seed)
    scores: list[float] = []
    for regression in _regressions(train[~held], train_labels[~held], _STRENGTHS):
        scores.append(regression.score(train[held], train_labels[held]))
        # The weaker, the slower: what comes after the best is not worth the wait.
        if max(scores[-_PATIENCE:]) < max(scores):
            break
    strength = _STRENGTHS[int(np.argmax(scores))]
    (chosen,) = _regressions(train, train_labels, [strength])
    return Probe(float(chosen.score(test, test_labels)), strength)


def few_labels(
    train: Vectors,
    train_labels: Labels,
    test: Vectors,
    test_labels: Labels,
    *,
    seed: int,
    counts: Sequence[int] = LABELS_A_CLASS,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> list[FewLabels]:
    """Return the probe's accuracies from so many training images of each class, in `DRAWS` seeded draws.

    Counts that a class has not enough images for are left out. `told` hears how many of all probes are done.
    """
    most = np.bincount(train_labels)[np.unique(train_labels)].min()
    counts = [count for count in counts if count <= most]
    results = [FewLabels(count, []) for count in counts]
    for draw in range(DRAWS):
        # Larger draws hold the smaller ones.
        random = np.random.default_rng([seed, draw])
        orders = [random.permutation(np.flatnonzero(train_labels == label)) for label in np.unique(train_labels)]
        for result in results:
            rows = np.concatenate([order[: result.labels] for order in orders])
            found = probe(train[rows], train_labels[rows], test, test_labels, seed=seed)
            result.accuracies.append(found.accuracy)
            told(sum(len(each.accuracies) for each in results), DRAWS * len(results))
    return results


def _regressions(vectors: Vectors, labels: Labels, strengths: Sequence[float]) -> Iterator[Any]:
    """Fit a pipeline at each strength in turn; one serves until the next is asked for."""
    # Heavy, and of no use to a run that only watches itself.
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    scaler = StandardScaler()
    # In float32 rounding may spoil a line search, and L-BFGS would stop early.
    standardised = scaler.fit_transform(vectors.astype(np.float64))
    regression = LogisticRegression(solver="lbfgs", max_iter=_STEPS_AT_MOST, warm_start=True)
    for strength in strengths:
        yield make_pipeline(scaler, regression.set_params(C=strength).fit(standardised, labels))
