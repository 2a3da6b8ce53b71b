"""How well vectors tell classes apart."""

from __future__ import annotations

import numpy as np
import pytest

from app.search.measures import interval, interval_of_change, named_by_neighbours, named_by_probe, precision

CLASSES, OF_EACH = 3, 40


def heaps(spread: float, dimension: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors of three classes around directions of their own, their labels, and that each is alone."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), OF_EACH)
    vectors = np.eye(dimension)[labels] + spread * random.standard_normal((len(labels), dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), labels, np.arange(len(labels))


@pytest.mark.parametrize("measure", [named_by_neighbours, named_by_probe])
def test_clear_classes_are_told_apart_and_chance_is_chance(measure) -> None:
    assert measure(*heaps(0.05)).all()
    assert 0.1 < measure(*heaps(100.0)).mean() < 0.6


@pytest.mark.parametrize("measure", [named_by_neighbours, named_by_probe])
def test_an_image_is_not_judged_by_its_near_duplicate(measure) -> None:
    # Noise, in pairs: whoever looks at the twin knows the label, and whoever does not cannot.
    vectors, labels, _ = heaps(100.0, dimension=200)
    twins = np.concatenate([vectors, vectors]), np.concatenate([labels, labels])
    groups = np.tile(np.arange(len(labels)), 2)
    assert measure(*twins, np.arange(2 * len(labels))).mean() > measure(*twins, groups).mean() + 0.1


def test_a_probe_gives_the_same_again() -> None:
    assert (named_by_probe(*heaps(0.4)) == named_by_probe(*heaps(0.4))).all()


def test_precision_is_the_share_of_an_images_own_class() -> None:
    vectors, labels, groups = heaps(0.05)
    assert precision(vectors, labels, groups, np.array([0, 50, 100]), depth=10).tolist() == [1, 1, 1]
    # On paper: of the two images most like the first, one is of its class.
    plane = np.array([[1, 0], [0.99, 0.14], [0.95, 0.31], [0, 1]], dtype=np.float32)
    assert precision(plane, np.array([0, 1, 0, 0]), np.arange(4), np.array([0]), depth=2).tolist() == [0.5]
    # The near-duplicate does not count, and in a small class no more are asked for than there are.
    assert precision(plane, np.array([0, 1, 0, 1]), np.array([0, 1, 0, 3]), np.array([0]), depth=2).tolist() == [0.0]


def test_intervals_hold_what_they_are_of() -> None:
    values = np.random.default_rng(0).normal(1.0, 0.5, 200)
    low, high = interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / 200**0.5, rel=0.2)
    first, second = np.array([10.0, 20.0, 30.0]), np.array([5.0, 10.0, 15.0])
    assert interval_of_change(first, second) == pytest.approx((-0.5, -0.5))
