"""The linear probe, and what it makes of few labels."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation.probe import few_labels, probe

pytestmark = pytest.mark.torch
pytest.importorskip("sklearn")

from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402


def _clusters(each: int, *, classes: int = 4, noise: int = 40, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors whose first numbers tell the class, among many that do not."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    vectors = random.normal(size=(len(labels), classes + noise))
    vectors[:, :classes] += 2 * np.eye(classes)[labels]
    return vectors.astype(np.float32), labels


def test_the_probe_is_scikit_learns_at_the_chosen_strength() -> None:
    (train, train_labels), (test, test_labels) = _clusters(50, seed=0), _clusters(100, seed=1)
    found = probe(train, train_labels, test, test_labels, seed=0)
    scaler = StandardScaler().fit(train)
    regression = LogisticRegression(C=found.strength, max_iter=1000).fit(scaler.transform(train), train_labels)
    assert found.accuracy == pytest.approx(regression.score(scaler.transform(test), test_labels), abs=0.003)
    assert 0.7 < found.accuracy < 0.9


def test_regularisation_is_chosen_where_it_matters_and_without_the_test() -> None:
    (train, train_labels), (test, test_labels) = _clusters(30, noise=400, seed=0), _clusters(100, noise=400, seed=1)
    found = probe(train, train_labels, test, test_labels, seed=0)
    assert found.strength < 0.1
    other = probe(train, train_labels, test, np.random.default_rng(0).permutation(test_labels), seed=0)
    assert other.strength == found.strength
    assert other.accuracy < 0.4 < found.accuracy


def test_features_of_any_scale_and_without_meaning_do_no_harm() -> None:
    (train, train_labels), (test, test_labels) = _clusters(30, seed=0), _clusters(30, seed=1)
    plain = probe(train, train_labels, test, test_labels, seed=0)

    def distorted(vectors: np.ndarray) -> np.ndarray:
        return np.hstack([vectors * np.geomspace(1e-4, 1e4, vectors.shape[1]), np.ones((len(vectors), 3))]).astype("f4")

    # Standard deviations of very small numbers are theirs.
    scaled = probe(distorted(train), train_labels, distorted(test), test_labels, seed=0)
    assert scaled.accuracy == pytest.approx(plain.accuracy, abs=0.01)


def test_two_classes_and_one_image_of_a_third() -> None:
    train, train_labels = _clusters(12, classes=2, seed=0)
    train, train_labels = np.vstack([train, train[:1] - 9]), np.append(train_labels, 2)
    assert probe(train, train_labels, train, train_labels, seed=0).accuracy > 0.9


def test_more_labels_tell_more() -> None:
    (train, train_labels), (test, test_labels) = _clusters(60, seed=0), _clusters(200, seed=1)
    told: list[tuple[int, int]] = []
    results = few_labels(
        train, train_labels, test, test_labels, seed=0, told=lambda done, total: told.append((done, total))
    )
    assert [(result.labels, len(result.accuracies)) for result in results] == [(10, 5), (20, 5), (50, 5)]
    few, _, many = (np.mean(result.accuracies) for result in results)
    assert few + 0.05 < many
    assert len(set(results[0].accuracies)) > 1
    assert told == [(done, 15) for done in range(1, 16)]
    again = few_labels(train, train_labels, test, test_labels, seed=0, counts=[20])
    assert again == [results[1]]


def test_a_count_that_one_class_lacks_is_left_out() -> None:
    train, train_labels = _clusters(25, seed=0)
    kept = (train_labels > 0) | (np.arange(len(train)) < 15)
    results = few_labels(train[kept], train_labels[kept], train, train_labels, seed=0)
    assert [result.labels for result in results] == [10]
