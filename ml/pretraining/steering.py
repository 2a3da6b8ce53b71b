"""What happens between the steps of a run: going on where it was, telling, judging, keeping, stopping."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from ml.errors import Refusal
from ml.pretraining.checkpoints import Content, States, on_cpu, write_milestone
from ml.pretraining.methods import Batch, Pretraining
from ml.pretraining.stopping import Stopped, StopRequest
from ml.pretraining.telling import Collapse, Teller, read_judged
from ml.pretraining.watch import Watch, collapse
from ml.progress import Progress


class RunNotShared(Refusal):
    """Processes that see different files in the run's folder."""


class Beginning(pl.Callback):
    """For every rank: the optimiser goes on where it was, and signals are heard."""

    def __init__(self, state: Content | None, request: StopRequest) -> None:
        self._state = state
        self._request = request

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Raises RunNotShared."""
        # Lightning asks all ranks after each step, waiting for the device, whether one has heard a SIGTERM. Only the
        # first needs to hear it here: it saves, and ends the others.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]
        self._request.listen()
        step = self._state["step"] if self._state else 0
        if trainer.strategy.broadcast(step) != step:
            raise RunNotShared("The machines see different checkpoints: --out must be a folder that all of them share.")
        if self._state:
            trainer.optimizers[0].load_state_dict(self._state.pop("optimiser"))  # twice the weights, not needed again


class Steering(pl.Callback):
    """For the first rank: all that is done after a step. `facts` is what every checkpoint says of its run."""

    def __init__(
        self,
        module: Pretraining,
        *,
        total: int,
        facts: Content,
        states: States,
        teller: Teller,
        watch: Watch | None,
        request: StopRequest,
        progress: Progress,
    ) -> None:
        self._recipe = module.recipe
        self._steps_per_epoch = module.steps_per_epoch
        self._total = total
        self._facts = facts
        self._states = states
        self._teller = teller
        self._watch = watch
        self._request = request
        self._progress = progress
        self._saved_at = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, module: pl.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Raises Stopped, Collapse, and OSError where the disk is full."""
        assert isinstance(module, Pretraining)
        optimiser = trainer.optimizers[0]
        done = batch.step + 1
        epoch, within = divmod(done, self._steps_per_epoch)
        self._request.worth_waiting = True
        self._teller.step(done, lambda: (_loss(module), float(optimiser.param_groups[0]["lr"])))
        if within == 0 and self._watch is not None and self._is_judged(epoch):
            self._judge(self._watch, module, done, epoch)
        is_milestone = within == 0 and self._is_milestone(epoch)
        minutes = (time.monotonic() - self._saved_at) / 60
        if is_milestone or self._request.asked or minutes >= self._recipe.checkpoints.minutes:
            self._keep(module, optimiser, done, is_milestone)
        if self._request.asked and done < self._total:
            raise Stopped(f"Stopped at epoch {done / self._steps_per_epoch:.1f}; the same command goes on from there.")

    def _is_judged(self, epoch: int) -> bool:
        every = self._recipe.watch.every_epochs
        return every > 0 and (epoch % every == 0 or epoch == self._recipe.training.epochs)

    def _is_milestone(self, epoch: int) -> bool:
        asked = self._recipe.checkpoints
        return (
            epoch == self._recipe.training.epochs
            or epoch in asked.milestones
            or (asked.milestone_every > 0 and epoch % asked.milestone_every == 0)
        )

    def _judge(self, watch: Watch, module: Pretraining, done: int, epoch: int) -> None:
        views = self._recipe.views
        figures = watch.judge(module.backbone, device=module.device, mean=views.mean, std=views.std, side=views.side)
        self._teller.judged(done, epoch, figures)
        judged = read_judged(self._states.folder)
        if sentence := collapse(judged, self._recipe, images=watch.images, dimension=module.dimension):
            raise Collapse(sentence)

    def _keep(self, module: Pretraining, optimiser: torch.optim.Optimizer, done: int, is_milestone: bool) -> None:
        """Write the milestone first: a run that is killed in between comes here again."""
        weights: dict[str, Tensor] = on_cpu(module.state_dict())
        if not all(tensor.isfinite().all() for tensor in weights.values()):
            raise Collapse(
                f"Some weights are no numbers any more at step {done:,}, and were not saved. Begin anew in another "
                "folder with a lower training.rate, a longer training.warmup_epochs, or training.precision=float32."
            )
        epoch = done // self._steps_per_epoch
        backbone = {name: weights[f"backbone.{name}"] for name in module.backbone.state_dict()}
        content = {**self._facts, "epoch": epoch, "step": done, "backbone": backbone}
        if is_milestone:
            file = write_milestone(self._states.folder, content)
            self._progress.artifact("milestone", file, epochs=epoch)
        self._states.write({**content, "module": weights, "optimiser": on_cpu(optimiser.state_dict())})
        self._saved_at = time.monotonic()


def _loss(module: Pretraining) -> float:
    assert module.last_loss is not None
    return module.last_loss.item()
