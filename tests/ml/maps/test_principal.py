"""Principal components in portions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from ml.maps.principal import principal_components
from tests.ml.maps.conftest import Remembered, Vectors


@pytest.mark.torch
def test_they_are_scikit_learns_up_to_their_signs(clusters: tuple[Vectors, object]) -> None:
    decomposition = pytest.importorskip("sklearn.decomposition")
    vectors, _ = clusters
    expected = decomposition.PCA(10, svd_solver="full").fit_transform(vectors.astype(np.float64))
    components = _components(vectors, keep=10, portion=64)
    np.testing.assert_allclose(np.abs(components), np.abs(expected), atol=1e-6)


def test_they_do_not_depend_on_how_the_vectors_are_portioned(clusters: tuple[Vectors, object]) -> None:
    vectors, _ = clusters
    whole, portioned = (_components(vectors, keep=50, portion=portion) for portion in (400, 7))
    np.testing.assert_allclose(whole, portioned, atol=1e-6)


def test_far_from_zero_nothing_cancels(clusters: tuple[Vectors, object]) -> None:
    wide = clusters[0].astype(np.float64)
    near, far = (_components(wide + offset, keep=5, portion=100) for offset in (0, 1e7))
    np.testing.assert_allclose(near, far, atol=1e-5)


def test_vectors_that_are_all_equal_give_zeros() -> None:
    assert not _components(np.full((9, 6), 0.1, dtype=np.float32), keep=3, portion=4).any()


def test_fewer_dimensions_than_wanted_are_all_kept() -> None:
    assert _components(np.eye(3, dtype=np.float32), keep=50, portion=2).shape == (3, 3)


def _components(vectors: np.ndarray, *, keep: int, portion: int) -> np.ndarray:
    def portions() -> Iterator[np.ndarray]:
        return (vectors[start : start + portion] for start in range(0, len(vectors), portion))

    return principal_components(portions, count=len(vectors), keep=keep, progress=Remembered())
