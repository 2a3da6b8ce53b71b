"""Past reviews, replayed."""

from __future__ import annotations

import numpy as np

from app.search.ranking import PoolStatistics
from app.search.replay import rejects_met
from tests.seeded import two_heaps


def replayed(vectors: np.ndarray, matches: np.ndarray, goal: int, size: int = 5) -> int:
    pool = PoolStatistics(vectors.mean(axis=0), np.cov(vectors, rowvar=False).astype(np.float32), len(vectors))
    none = np.empty((0, vectors.shape[1]), dtype=np.float32)
    return rejects_met(vectors[1:], matches[1:], wanted=vectors[:1], unwanted=none, pool=pool, goal=goal, size=size)


def test_vectors_that_know_the_class_meet_no_rejects() -> None:
    vectors = two_heaps(30, 30)
    assert replayed(vectors, np.arange(60) < 30, goal=25) == 0


def test_vectors_that_know_nothing_meet_as_many_as_chance_brings() -> None:
    vectors = two_heaps(60, 0)
    matches = np.random.default_rng(3).permutation(60) < 30
    matches[0] = True
    assert 10 <= replayed(vectors, matches, goal=25) <= 30


def test_what_comes_after_the_last_accept_is_not_counted() -> None:
    # One page holds everything: five matches first, then the others.
    vectors = two_heaps(6, 40)
    assert replayed(vectors, np.arange(46) < 6, goal=5, size=45) == 0
