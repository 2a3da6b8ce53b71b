"""PCA, PaCMAP and t-SNE: what is near stays near, the same seed gives the same map, and odd points give one too."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from ml.maps.principal import principal_components
from ml.maps.projections import CannotLayOut, Layout, Method, check, lay_out
from tests.ml.maps.conftest import Remembered, Vectors

# Looked for, and not loaded: what PaCMAP compiles when it is imported takes seconds, also of whoever runs other tests.
pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(find_spec("pacmap") is None or find_spec("openTSNE") is None, reason="needs the `map` extra"),
]


@pytest.mark.parametrize("method", ["pca", "pacmap", "tsne"])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_what_is_near_stays_near(clusters: tuple[Vectors, np.ndarray], method: Method, dimensions: int) -> None:
    vectors, labels = clusters
    layout = _lay_out(vectors, method=method, dimensions=dimensions)
    assert layout.coordinates.shape == (400, dimensions)
    assert layout.method == method
    distances = np.linalg.norm(layout.coordinates[:, None] - layout.coordinates[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.99


@pytest.mark.parametrize("method", ["pacmap", "tsne"])
def test_the_same_seed_gives_the_same_map_and_another_another(clusters: tuple[Vectors, object], method: Method) -> None:
    one, same, other = (_lay_out(clusters[0], method=method, seed=seed).coordinates for seed in (3, 3, 4))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize("method, steps", [("pacmap", 450), ("tsne", 750)])
def test_the_layout_is_told_of_step_by_step(clusters: tuple[Vectors, object], method: Method, steps: int) -> None:
    progress = Remembered()
    _lay_out(clusters[0], method=method, progress=progress)
    assert progress.phases == ["neighbours", "layout"]
    assert progress.events[-1] == {"event": "progress", "phase": "layout", "done": steps, "total": steps}


@pytest.mark.parametrize("count", [1, 2, 5, 49])
def test_few_points_are_laid_out_by_pca_and_that_is_said(clusters: tuple[Vectors, object], count: int) -> None:
    progress = Remembered()
    layout = _lay_out(clusters[0][:count], method="pacmap", progress=progress)
    assert layout.method == "pca"
    assert layout.coordinates.shape == (count, 3)
    assert progress.notes == ["Laid out by PCA: pacmap needs 50 vectors that are not all the same."]


def test_points_that_are_all_equal_lie_in_one_place() -> None:
    layout = _lay_out(np.zeros((80, 10), dtype=np.float32), method="tsne")
    assert layout.method == "pca"
    assert not layout.coordinates.any()


@pytest.mark.parametrize("method", ["pacmap", "tsne"])
@pytest.mark.parametrize(
    "points",
    [
        pytest.param(np.repeat(np.eye(4, 20), 15, axis=0), id="copies of four"),
        pytest.param(np.linspace(-1, 1, 50)[:, None], id="one dimension"),
        pytest.param(np.random.default_rng(0).normal(size=(50, 2)) * 1e-20, id="next to nothing"),
    ],
)
def test_odd_points_have_a_finite_map(points: np.ndarray, method: Method) -> None:
    layout = _lay_out(points.astype(np.float32), method=method)
    assert layout.method == method
    assert np.isfinite(layout.coordinates).all()


def test_t_sne_in_space_refuses_what_would_take_hours() -> None:
    check("tsne", count=20_000, dimensions=3)
    check("tsne", count=100_000, dimensions=2)
    with pytest.raises(CannotLayOut, match=r"20,001 points.*--at-most 20000"):
        check("tsne", count=20_001, dimensions=3)


def _lay_out(
    points: np.ndarray, *, method: Method, dimensions: int = 3, seed: int = 0, progress: Remembered | None = None
) -> Layout:
    progress = progress or Remembered()
    components = principal_components(lambda: [points], count=len(points), keep=50, progress=Remembered())
    return lay_out(components, method=method, dimensions=dimensions, seed=seed, progress=progress)
