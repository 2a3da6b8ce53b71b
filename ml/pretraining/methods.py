"""What is trained: a backbone with the heads of a method, as a LightningModule that makes its own views.

A step is two graphs, the views and the networks with their loss, and nothing in it waits for the device. All that a
step depends on besides weights and optimiser is in its batch: so a run can go on from any step.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import pytorch_lightning as pl
import torch
from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules import BYOLPredictionHead, BYOLProjectionHead, MoCoProjectionHead, SimCLRProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.utils.scheduler import cosine_schedule
from torch import Tensor, nn
from torch.optim import Optimizer

from ml.pretraining.backbones import make_backbone
from ml.pretraining.losses import dcl, nt_xent
from ml.pretraining.optimisers import make_optimiser, rate_at
from ml.pretraining.recipe import Recipe
from ml.pretraining.views import TwoViews

_PROJECTIONS = {"simclr": SimCLRProjectionHead, "byol": BYOLProjectionHead, "moco": MoCoProjectionHead}


class Batch(NamedTuple):
    """This rank's part of a global batch, and what its views are made by."""

    step: int  # from 0, over the whole run
    pixels: Tensor  # (n, 3, stored, stored) uint8
    draws: Tensor  # (n, 2, TwoViews.DRAWS) float32 of [0, 1)


class Pretraining(pl.LightningModule):
    """Trains `backbone`, the network that gradients reach and that is kept, by a resolved recipe.

    - simclr (Chen et al., 2020): the two views of an image find each other.
    - byol (Grill et al., 2020): a predictor guesses what a teacher, the slow average of the student, makes of the
      other view.
    - moco (Chen et al., 2021, MoCo v3): the same, but the guess has to find it among the teacher's vectors of the whole
      batch. The heads are those of v3's ResNets; negatives are other images' both views. There is no queue to save.

    With a teacher, too, the student's backbone is kept, as both papers do: at the end of the schedule the teacher is
    no more than its average. Both views go through a network in one forward pass, hence share their batch statistics.

    Initial weights are a function of the recipe's seed. `compile` is for GPUs; on a CPU compiling takes longer than a
    short run. `views_dtype` may be float16 where the Trainer's precision is mixed.
    """

    def __init__(
        self, recipe: Recipe, *, steps_per_epoch: int, compile: bool, views_dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.steps_per_epoch = steps_per_epoch
        self.last_loss: Tensor | None = None  # of the last step, on the device
        self.views = TwoViews(recipe.views, dtype=views_dtype)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self._make_networks()
        if compile:
            self.views.compile(fullgraph=True, dynamic=False)
            # A network of timm's may break its graph, and should then still train.
            self.loss = torch.compile(self.loss, dynamic=False)  # type: ignore[method-assign]

    def _make_networks(self) -> None:
        network, method = self.recipe.network, self.recipe.method.name
        backbone, self.dimension = make_backbone(network)
        self.backbone = backbone.to(memory_format=torch.channels_last)
        batch_norm = {"batch_norm": True} if method == "moco" else {}
        self.head = _PROJECTIONS[method](self.dimension, network.head_hidden, network.head_output, **batch_norm)
        if method != "simclr":
            self.predictor = BYOLPredictionHead(network.head_output, network.head_hidden, network.head_output)
            self.teacher = copy.deepcopy(nn.Sequential(self.backbone, self.head))
            deactivate_requires_grad(self.teacher)

    def configure_optimizers(self) -> Optimizer:
        return make_optimiser(self.parameters(), self.recipe.training)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Set the rate, which depends on the step alone."""
        rate = rate_at(batch.step, training=self.recipe.training, steps_per_epoch=self.steps_per_epoch)
        for optimiser in self.trainer.optimizers:
            for group in optimiser.param_groups:
                group["lr"] = rate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        if self.recipe.method.name != "simclr":
            self._follow(batch.step)
        with torch.no_grad():
            views = self.views(batch.pixels, batch.draws)
        loss: Tensor = self.loss(views)
        self.last_loss = loss.detach()
        return loss

    def loss(self, views: Tensor) -> Tensor:
        """Return the method's loss of (2n, 3, side, side) views, first views first."""
        first, second = self.head(self.backbone(views)).chunk(2)
        method = self.recipe.method
        contrast = {"ntxent": nt_xent, "dcl": dcl}[method.loss]
        if method.name == "simclr":
            return contrast(first, second, temperature=method.temperature)
        first, second = self.predictor(first), self.predictor(second)
        with torch.no_grad():
            keys = self.teacher(views).chunk(2)
        if method.name == "moco":
            return contrast(first, second, temperature=method.temperature, keys=keys)
        apart = NegativeCosineSimilarity()
        loss: Tensor = (apart(first, keys[1]) + apart(second, keys[0])) / 2
        return loss

    def _follow(self, step: int) -> None:
        """Move the teacher towards the student; at the first step it becomes the student, whatever weights that got.

        Before the step, not after it: then a state saved after any step is whole.
        """
        momentum = teacher_momentum_at(step, recipe=self.recipe, steps_per_epoch=self.steps_per_epoch)
        backbone, head = self.teacher
        update_momentum(self.backbone, backbone, momentum)
        update_momentum(self.head, head, momentum)


def teacher_momentum_at(step: int, *, recipe: Recipe, steps_per_epoch: int) -> float:
    """Return how much of itself the teacher keeps at a step: 0 at the first, then the recipe's, rising to 1.

    It rises by a cosine over the whole run (BYOL, section 3.2).
    """
    if step == 0:
        return 0.0
    steps = int(recipe.training.epochs) * steps_per_epoch
    return float(cosine_schedule(step, steps, start_value=recipe.method.teacher_momentum, end_value=1.0))
