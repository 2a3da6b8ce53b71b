"""Runs in small: 40 pictures, 5 steps an epoch, a second or two each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ml.progress import Silence

IMAGES, BATCH, STEPS_PER_EPOCH, EPOCHS = 40, 8, 5, 3
CHANGES = [
    "network.architecture=timm/test_resnet",  # 2 MB a state, where a ResNet-18 takes 138
    "views.side=16",
    "views.stored=24",
    f"training.batch={BATCH}",
    f"training.epochs={EPOCHS}",
    "training.rate_batch=8",
    "network.head_hidden=32",
    "checkpoints.minutes=0",  # a state after each step
    "checkpoints.milestone_every=0",
    "watch.every_epochs=0",
]


class Unplugged(Exception):
    """The run ends in the middle, without a chance to save."""


class Told(Silence):
    """Progress that remembers; `at` is called whenever figures are told."""

    def __init__(self, at: Callable[[dict[str, float]], None] = lambda figures: None) -> None:
        self._at = at
        self.steps: list[int] = []
        self.notes: list[str] = []
        self.judgements: list[dict[str, float]] = []
        self.artifacts: list[tuple[str, str]] = []

    def figures(self, **figures: float) -> None:
        self.steps.append(int(figures["step"]))
        self._at(figures)

    def judged(self, epoch: int, **figures: float) -> None:
        self.judgements.append({"epoch": epoch, **figures})

    def note(self, message: str) -> None:
        self.notes.append(message)

    def artifact(self, kind: str, path: Path, **figures: int) -> None:
        self.artifacts.append((kind, path.name))


def some_pictures(folder: Path, count: int = IMAGES, *, side: int = 40, first: int = 0) -> Path:
    """Make smooth pictures of different colours, in two classes: reddish and bluish."""
    for number in range(first, first + count):
        colours = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        colours[..., 2 * (number % 2)] = 255
        path = folder / ("bluish" if number % 2 else "reddish") / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(colours).resize((side, side), Image.Resampling.BICUBIC).save(path)
    return folder


def train(
    images: Path, out: Path, *changes: str, recipe: str = "smoke", told: Told | None = None, **options: Any
) -> Told:
    """Pretrain in this process, and return what it told."""
    from ml.pretraining.pool import Decoding
    from ml.pretraining.recipe import read_recipe
    from ml.pretraining.run import pretrain

    told = told or Told()
    most_left_out = options.pop("most_left_out", 0.01)
    decoding = Decoding(cache=out.parent / "cache", processes=1, most_left_out=most_left_out)
    read = read_recipe(recipe, [*CHANGES, *changes])
    pretrain(read, [str(images)], out, decoding=decoding, progress=told, **options)
    return told


def unplugged_at(step: int) -> Told:
    """Return progress that ends the run when it tells of this step, or of one after it."""

    def end(figures: dict[str, float]) -> None:
        if figures["step"] >= step:
            raise Unplugged

    return Told(end)


def assert_same_state(one: Path, other: Path) -> None:
    """The states of two runs hold the same bits: weights, statistics, optimiser."""
    import torch

    first, second = (torch.load(run / "last.ckpt", weights_only=True) for run in (one, other))
    assert first["step"] == second["step"]
    for part in ("module", "optimiser", "backbone"):
        torch.testing.assert_close(first[part], second[part], rtol=0, atol=0)


def milestones(run: Path) -> Sequence[str]:
    return sorted(path.name for path in (run / "milestones").iterdir())
