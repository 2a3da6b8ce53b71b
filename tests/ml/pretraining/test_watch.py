"""Judging a backbone between two steps, and telling when it has collapsed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml.framing import Framing
from ml.pretraining.recipe import Recipe, read_recipe
from ml.pretraining.recipe import Watch as Asked

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from ml.evaluation.knn import knn_accuracies  # noqa: E402
from ml.evaluation.spectrum import rank_me  # noqa: E402
from ml.pretraining.watch import Labelled, Watch, _framed, collapse  # noqa: E402
from tests.ml.milestones import with_statistics  # noqa: E402

CPU = torch.device("cpu")
SEEN = {"device": CPU, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.3), "side": 16}


@pytest.fixture
def backbone() -> Any:
    """A small network with normalisation and dropout, half of it in training, half frozen."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 24, 3, stride=2),
        torch.nn.BatchNorm2d(24),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.5),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
    )
    with_statistics(network)
    network.train()
    network[0].eval()
    return network


@pytest.fixture
def pool() -> np.ndarray:
    return _pixels(900, seed=0)


def test_judging_leaves_everything_as_it_was(backbone: Any, pool: np.ndarray) -> None:
    before = {name: values.clone() for name, values in backbone.state_dict().items()}
    modes = [module.training for module in backbone.modules()]
    torch_random, numpy_random = torch.get_rng_state(), np.random.get_state()[1].copy()
    labelled = Labelled(pool, _labels(900), pool[:100], _labels(100))
    watch = Watch(Asked(images=500), pool, labelled)
    figures = watch.judge(backbone, **SEEN)
    assert watch.judge(backbone, **SEEN) == figures
    assert all(torch.equal(values, before[name]) for name, values in backbone.state_dict().items())
    assert all(parameter.grad is None for parameter in backbone.parameters())
    assert [module.training for module in backbone.modules()] == modes
    assert torch.equal(torch.get_rng_state(), torch_random)
    assert (np.random.get_state()[1] == numpy_random).all()


def test_modes_come_back_even_after_an_error(backbone: Any, pool: np.ndarray) -> None:
    modes = [module.training for module in backbone.modules()]
    with pytest.raises(RuntimeError):
        Watch(Asked(), pool[:, :2]).judge(backbone, **SEEN)
    assert [module.training for module in backbone.modules()] == modes


def test_the_figures_are_those_of_an_evaluation(backbone: Any, pool: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "pool.npy", pool)
    mapped = np.load(tmp_path / "pool.npy", mmap_mode="r")
    queries = _pixels(60, seed=1)
    labelled = Labelled(mapped, _labels(900), torch.from_numpy(queries), torch.from_numpy(_labels(60)))
    figures = Watch(Asked(images=2000), mapped, labelled).judge(backbone, **SEEN)

    bank, asked = _vectors(backbone, pool), _vectors(backbone, queries)
    expected = knn_accuracies(bank, torch.from_numpy(_labels(900)), asked, torch.from_numpy(_labels(60)))
    assert figures == {"rank_me": pytest.approx(rank_me(bank), rel=1e-4), "knn": expected[20]}
    assert 1 < figures["rank_me"] < 96


def test_of_many_images_some_are_looked_at_evenly_spaced(backbone: Any, pool: np.ndarray) -> None:
    watch = Watch(Asked(images=300), pool)
    assert watch.images == 300
    assert watch.judge(backbone, **SEEN) == Watch(Asked(), pool[::3]).judge(backbone, **SEEN)


def test_without_labels_or_with_too_few_there_is_no_knn(backbone: Any, pool: np.ndarray) -> None:
    few = Labelled(pool[:19], _labels(19), pool[:9], _labels(9))
    assert list(Watch(Asked(), pool[:40], few).judge(backbone, **SEEN)) == ["rank_me"]


@pytest.mark.parametrize("stored", [24, 21, 16, 12])
def test_images_are_framed_as_the_encoder_will(stored: int) -> None:
    pixels = _pixels(1, seed=0, side=stored)
    framing = Framing(max(16, stored), (16, 16))
    wanted = framing.prepare(Image.fromarray(pixels[0].transpose(1, 2, 0)))
    seen = _framed(torch.from_numpy(pixels), 16)[0].numpy()
    # Pillow rounds to whole numbers twice where it enlarges.
    assert np.abs(seen - wanted).max() <= (0 if stored >= 16 else 1)


def test_a_network_that_tells_nothing_apart_is_a_collapse(pool: np.ndarray) -> None:
    constant = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 50))
    with torch.no_grad():
        constant[1].weight.mul_(1e-5)
    rank = Watch(Asked(), pool).judge(constant, **SEEN)["rank_me"]
    assert rank < 1.1
    judged = [{"epoch": epoch, "rank_me": rank} for epoch in (10, 20, 30)]
    message = collapse(judged, _recipe(), images=900, dimension=50)
    assert message is not None
    assert "at epoch 30" in message


@pytest.mark.parametrize(
    ("ranks", "collapsed"),
    [
        ({10: 3, 20: 2, 30: 1}, True),
        ({10: 90, 20: 3, 30: 2, 40: 1}, True),
        ({10: 3, 20: 2}, False),
        ({10: 3, 20: 9, 30: 1, 40: 1}, False),
        ({10: 3, 20: 2, 30: 8}, False),
        ({2: 3, 4: 2, 10: 1}, False),  # warming up until 5
        ({5: 0, 10: 0, 20: 0}, True),
        ({}, False),
    ],
)
def test_three_low_ranks_running_after_the_warm_up(ranks: dict[int, float], collapsed: bool) -> None:
    judged = [{"step": 7 * epoch, "epoch": epoch, "rank_me": rank} for epoch, rank in ranks.items()]
    assert (collapse(judged, _recipe(), images=1024, dimension=512) is not None) == collapsed
    # Too few images tell nothing, and a recipe may not want to know.
    assert collapse(judged, _recipe(), images=1023, dimension=512) is None
    assert collapse(judged, _recipe("watch.least_rank=0"), images=1024, dimension=512) is None


def _recipe(*changes: str) -> Recipe:
    return read_recipe("smoke", ["watch.least_rank=8", "training.warmup_epochs=5", *changes])


def _vectors(backbone: Any, pixels: np.ndarray) -> Any:
    mean, std = (np.array(SEEN[name], dtype=np.float32)[:, None, None] for name in ("mean", "std"))
    modes = [(module, module.training) for module in backbone.modules()]
    backbone.eval()
    with torch.no_grad():
        outputs = backbone(torch.from_numpy((pixels[:, :, 2:18, 2:18] / np.float32(255) - mean) / std))
    for module, training in modes:
        module.training = training
    return torch.nn.functional.normalize(outputs)


def _pixels(count: int, *, seed: int, side: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def _labels(count: int) -> np.ndarray:
    return np.arange(count) % 4
