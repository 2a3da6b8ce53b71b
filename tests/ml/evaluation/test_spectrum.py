"""RankMe, alignment and uniformity, beside their formulas."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from ml.evaluation import spectrum  # noqa: E402
from ml.evaluation.spectrum import alignment, rank_me, uniformity  # noqa: E402


@pytest.mark.parametrize("shape", [(400, 64), (40, 64)])
def test_rank_me_is_the_papers_formula(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    # Directions of very different size, down to none at all.
    vectors = (random.normal(size=shape) * np.geomspace(1, 1e-9, shape[1])).astype(np.float32)
    sigma = np.linalg.svd(vectors.astype(np.float64), compute_uv=False)
    p = sigma / sigma.sum() + 1e-7
    expected = np.exp(-(p * np.log(p)).sum())
    assert 1 < expected < 20
    assert rank_me(vectors) == pytest.approx(expected, rel=1e-5)
    assert rank_me(torch.from_numpy(vectors)) == rank_me(vectors)
    assert rank_me(1000 * vectors) == pytest.approx(expected, rel=1e-5)


def test_rank_me_counts_directions() -> None:
    basis = np.eye(5, 12)
    assert rank_me(np.tile(basis, (8, 1))) == pytest.approx(5, rel=1e-4)
    assert rank_me(np.ones((20, 12))) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_rank_me_of_nothing_is_zero(value: float) -> None:
    assert rank_me(np.full((20, 12), value, dtype=np.float32)) == 0


def test_alignment_is_the_mean_squared_distance() -> None:
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    second = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert alignment(first, second) == pytest.approx(1.0)
    assert alignment(first, first) == 0


def test_uniformity_is_wang_and_isolas(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = torch.nn.functional.normalize(torch.randn(300, 6, generator=torch.Generator().manual_seed(0)))
    expected = torch.pdist(vectors, p=2).pow(2).mul(-2).exp().mean().log().item()
    assert uniformity(vectors) == pytest.approx(expected, abs=1e-6)
    monkeypatch.setattr(spectrum, "_ROWS_AT_ONCE", 7)
    assert uniformity(vectors) == pytest.approx(expected, abs=1e-6)
    assert uniformity(torch.ones(3, 1)) == pytest.approx(0.0)
