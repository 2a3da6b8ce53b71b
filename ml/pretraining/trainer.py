"""Lightning's Trainer as it is used here: devices, precision and DDP are its part; counting and saving are not.

It is given one epoch whose batches are all the steps that are left, so that it has no position of its own in a run.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment

from ml.pretraining.feeding import Feed
from ml.pretraining.machine import Machine
from ml.pretraining.methods import Batch
from ml.pretraining.ranks import under_torchrun

_CHATTER = ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")


def make_trainer(machine: Machine, callbacks: list[pl.Callback]) -> pl.Trainer:
    """Return a Trainer that does nothing but train, and says nothing."""
    for name in _CHATTER:
        logging.getLogger(name).setLevel(logging.ERROR)
    # Advice to those who write programs.
    warnings.filterwarnings("ignore", module="pytorch_lightning|lightning_fabric")
    if machine.accelerator == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    return pl.Trainer(
        accelerator=machine.accelerator,
        devices=machine.devices,
        num_nodes=machine.nodes,
        strategy="ddp" if machine.ranks > 1 else "auto",
        # Whoever has an allocation of SLURM's is otherwise asked to start each process by srun.
        plugins=[] if under_torchrun() else [LightningEnvironment()],
        precision=machine.precision,
        sync_batchnorm=machine.sync_batchnorm,
        callbacks=callbacks,
        max_epochs=1,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


class Steps(pl.LightningDataModule):
    """The steps from `start` to before `stop`; where their batches come from is settled on the device."""

    def __init__(self, make_feed: Callable[[torch.device], Feed], start: int, stop: int) -> None:
        super().__init__()
        self._make_feed = make_feed
        self._start = start
        self._stop = stop

    def train_dataloader(self) -> _Batches:
        assert self.trainer is not None
        feed = self._make_feed(self.trainer.strategy.root_device)
        return _Batches(feed, self._start, self._stop, self.trainer.global_rank, self.trainer.world_size)


class _Batches:
    """What Lightning takes for a loader."""

    def __init__(self, feed: Feed, start: int, stop: int, rank: int, world: int) -> None:
        self._feed, self._start, self._stop, self._rank, self._world = feed, start, stop, rank, world

    def __iter__(self) -> Iterator[Batch]:
        return self._feed.batches(self._start, self._stop, rank=self._rank, world=self._world)

    def __len__(self) -> int:
        return self._stop - self._start
