"""Nearest neighbours, beside lightly's."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from lightly.utils.benchmarking.knn import knn_predict  # noqa: E402

from ml.evaluation.knn import knn_accuracies, knn_predictions  # noqa: E402


def test_predictions_are_lightlys() -> None:
    bank, bank_labels = _vectors(900, 24, seed=0), _labels(900, seed=1)
    queries = _vectors(700, 24, seed=2)
    predictions = knn_predictions(bank, bank_labels, queries)
    assert list(predictions) == [5, 20, 200]
    for k, predicted in predictions.items():
        theirs = knn_predict(queries, bank.T.contiguous(), bank_labels, num_classes=7, knn_k=k, knn_t=0.1)
        assert torch.equal(predicted, theirs[:, 0])
    assert not torch.equal(predictions[5], predictions[200])


def test_one_near_neighbour_outvotes_two_far_ones() -> None:
    bank = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, -0.8]])
    labels = torch.tensor([1, 0, 0])
    query = torch.tensor([[1.0, 0.0]])
    assert knn_predictions(bank, labels, query, neighbours=[3])[3].tolist() == [1]
    assert knn_accuracies(bank, labels, query, torch.tensor([0]), neighbours=[1, 3]) == {1: 0.0, 3: 0.0}


def test_more_neighbours_than_there_are_are_not_asked() -> None:
    bank = _vectors(20, 4, seed=0)
    assert list(knn_predictions(bank, _labels(20, seed=1), bank)) == [5, 20]
    assert knn_predictions(bank[:3], _labels(3, seed=1), bank) == {}


def _vectors(count: int, dimension: int, *, seed: int) -> Any:
    vectors = torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors)


def _labels(count: int, *, seed: int) -> Any:
    return torch.randint(7, (count,), generator=torch.Generator().manual_seed(seed))
