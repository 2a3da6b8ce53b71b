"""Judging a backbone while it is trained: how many directions its vectors use, and whether neighbours share a class.

The vectors are the backbone's, not the projection's: they are what is kept and searched, one bound serves every method
and head, and an encoder judged later (ml/evaluation) is judged by the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.evaluation.knn import knn_accuracies
from ml.evaluation.spectrum import rank_me
from ml.pretraining import recipe

Images: TypeAlias = "npt.NDArray[np.uint8] | Tensor"  # (n, 3, stored, stored) uint8; memory-mapped, or on a device
Labels: TypeAlias = "npt.NDArray[np.int64] | Tensor"  # (n,) from 0

_NEIGHBOURS = 20
_BATCH = 512
_RUNNING = 3


class Labelled(NamedTuple):
    """Images with classes: those whose vectors are neighbours, and those that are asked about."""

    train: Images
    train_labels: Labels
    test: Images
    test_labels: Labels


class Watch:
    """Looks at the same images each time: at most `watch.images` of each kind, evenly spaced."""

    def __init__(self, watch: recipe.Watch, pool: Images, labelled: Labelled | None = None) -> None:
        self._most = watch.images
        self._pool = pool
        self._labelled = labelled

    @property
    def images(self) -> int:
        """How many of the pool's images RankMe is taken of."""
        return min(self._most, len(self._pool))

    def judge(
        self, backbone: nn.Module, *, device: torch.device, mean: Sequence[float], std: Sequence[float], side: int
    ) -> dict[str, float]:
        """Return `rank_me`, and `knn` (k = 20) where there are labels and neighbours enough.

        The backbone, (n, 3, side, side) normalised floats to (n, dimension), is left as it was: in evaluation mode
        nothing is counted, and nothing is drawn at random.
        """

        def vectors(images: Images) -> Tensor:
            parts = [
                backbone(_normalised(_framed(pixels, side), mean, std)).float()
                for pixels in _portions(images, self._most, device)
            ]
            return functional.normalize(torch.cat(parts))

        # Autocast's numbers are too coarse for the small singular values.
        with torch.no_grad(), torch.autocast(device.type, enabled=False), _evaluating(backbone):
            figures = {"rank_me": rank_me(vectors(self._pool))}
            if self._labelled is not None:
                train, train_labels, test, test_labels = self._labelled
                bank_labels, labels = (self._looked_at(part, device) for part in (train_labels, test_labels))
                found = knn_accuracies(vectors(train), bank_labels, vectors(test), labels, neighbours=[_NEIGHBOURS])
                if found:
                    figures["knn"] = found[_NEIGHBOURS]
        return figures

    def _looked_at(self, labels: Labels, device: torch.device) -> Tensor:
        return torch.as_tensor(labels[_spaced(len(labels), self._most)], device=device)


def collapse(judged: Sequence[Mapping[str, Any]], recipe: recipe.Recipe, *, images: int, dimension: int) -> str | None:
    """Return a sentence if the last three judgements, with `epoch` and `rank_me`, show vectors that have become alike.

    Not before the end of the warm-up; nor with fewer images than twice the dimensions, which hold RankMe down.
    """
    least = recipe.watch.least_rank
    last = [line for line in judged if line["epoch"] >= recipe.training.warmup_epochs][-_RUNNING:]
    if images < 2 * dimension or len(last) < _RUNNING or any(line["rank_me"] >= least for line in last):
        return None
    ranks = ", ".join(f"{line['rank_me']:.1f} at epoch {line['epoch']:,}" for line in last)
    return (
        f"The vectors have collapsed: they use no more than a few of {dimension:,} directions (RankMe {ranks}; "
        f"watch.least_rank is {least:g}). Begin anew in another folder with a lower training.rate or a longer "
        "training.warmup_epochs; watch.least_rank=0 lets such a run go on."
    )


@contextmanager
def _evaluating(backbone: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in backbone.modules()]
    backbone.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _portions(images: Images, most: int, device: torch.device) -> Iterator[Tensor]:
    rows = _spaced(len(images), most)
    for start in range(0, len(rows), _BATCH):
        yield torch.as_tensor(images[rows[start : start + _BATCH]]).to(device)


def _spaced(count: int, most: int) -> npt.NDArray[np.int64]:
    """Return at most so many row numbers; of rows in the order of classes they hold each class in its share."""
    chosen = min(count, most)
    return np.arange(chosen) * count // max(chosen, 1)


def _framed(pixels: Tensor, side: int) -> Tensor:
    """Return what the encoder will see of stored images: their centre, enlarged if they are smaller than that."""
    stored = pixels.shape[-1]
    if stored < side:
        return functional.interpolate(pixels.float(), size=(side, side), mode="bilinear", antialias=True)
    corner = round((stored - side) / 2)
    return pixels[:, :, corner : corner + side, corner : corner + side].float()


def _normalised(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    shift, scale = (pixels.new_tensor(values).view(1, 3, 1, 1) for values in (mean, std))
    return ((pixels / 255 - shift) / scale).contiguous(memory_format=torch.channels_last)
