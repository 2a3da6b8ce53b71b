"""What a search finds, beside slow and obvious ways to say it."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from sklearn.metrics import average_precision_score  # noqa: E402

from ml.evaluation import retrieval as module  # noqa: E402
from ml.evaluation.retrieval import retrieval  # noqa: E402


def test_figures_of_four_points_on_a_circle() -> None:
    # At 0, 10, 30 and 90 degrees, of classes a, b, a, b. Of the class of 0° the second best, of 10°: the last, of
    # 30° the second (after 10°), of 90° the second (after 30°).
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 30.0, 90.0]))
    vectors = torch.stack([angles.cos(), angles.sin()], dim=1)
    figures = retrieval(vectors, torch.tensor([0, 1, 0, 1]), precision_at=[1, 2, 3], recall_at=[2, 4])
    assert figures == {
        "queries": 4,
        "precision_at_1": 0.0,
        "precision_at_2": pytest.approx((1 + 0 + 1 + 1) / 8),
        "precision_at_3": pytest.approx(1 / 3),
        "recall_at_2": pytest.approx(3 / 4),
        "mean_average_precision": pytest.approx((1 / 2 + 1 / 3 + 1 / 2 + 1 / 2) / 4),
    }


def test_mean_average_precision_is_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(150, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = random.integers(4, size=150)
    similarities = vectors @ vectors.T
    expected = []
    for row in range(150):
        others = np.arange(150) != row
        expected.append(average_precision_score(labels[others] == labels[row], similarities[row, others]))

    at_once = retrieval(torch.from_numpy(vectors), torch.from_numpy(labels))
    assert at_once["mean_average_precision"] == pytest.approx(np.mean(expected), abs=1e-6)
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", 7 * 150)
    assert retrieval(torch.from_numpy(vectors), torch.from_numpy(labels)) == pytest.approx(at_once)


def test_an_image_alone_in_its_class_is_no_query_but_stands_in_the_way() -> None:
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
    figures = retrieval(vectors, torch.tensor([0, 0, 1]), precision_at=[1], recall_at=[1])
    assert figures == {"queries": 2, "precision_at_1": 0, "recall_at_1": 0, "mean_average_precision": 0.5}
    assert retrieval(vectors, torch.tensor([0, 1, 2])) == {"queries": 0}
