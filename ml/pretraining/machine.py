"""What a run is made with: devices, precision, and the versions that its files record."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import torch

from ml.errors import Refusal
from ml.pretraining.ranks import under_torchrun
from ml.pretraining.recipe import Training

_CHECKOUT = Path(__file__).resolve().parents[2]

# BatchNorm over fewer images than this is too noisy alone.
_LEAST_FOR_OWN_STATISTICS = 64


class BadMachine(Refusal):
    """Devices that are not there, or among which a batch cannot be shared."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The devices of a run, in Lightning's words."""

    accelerator: Literal["cuda", "cpu"]
    devices: int  # of this machine
    nodes: int
    precision: Literal["bf16-mixed", "32-true"]
    sync_batchnorm: bool

    @property
    def ranks(self) -> int:
        return self.devices * self.nodes


def machine_for(training: Training, devices: int | None) -> Machine:
    """Choose for a resolved recipe: `devices` of this machine, or all its GPUs, or one CPU where it has none.

    Raises BadMachine.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    nodes = 1
    if under_torchrun():  # which says how many processes it has started
        here = int(os.environ["LOCAL_WORLD_SIZE"])
        devices, nodes = here, int(os.environ["WORLD_SIZE"]) // here
    devices = devices or gpus or 1
    if gpus and devices > gpus:
        raise BadMachine(f"There are {gpus} GPUs here, and {devices} were asked for: lower --devices.")
    batch, ranks = int(training.batch), devices * nodes
    if batch % ranks:
        raise BadMachine(
            f"A batch of {batch:,} images cannot be shared equally by {ranks} processes: choose another --devices, "
            "or another --set training.batch=…"
        )
    can_half = gpus > 0 and torch.cuda.is_bf16_supported(including_emulation=False)
    half = training.precision == "bf16" or (training.precision == "auto" and can_half)
    return Machine(
        accelerator="cuda" if gpus else "cpu",
        devices=devices,
        nodes=nodes,
        precision="bf16-mixed" if half else "32-true",
        sync_batchnorm=gpus > 0 and ranks > 1 and batch // ranks < _LEAST_FOR_OWN_STATISTICS,
    )


def versions() -> dict[str, str]:
    """Return the versions of what decides a run's outcome, with the git revision of a checkout."""
    found = {"python": platform.python_version()}
    for name in ("winnow", "torch", "lightly", "pytorch-lightning", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # Winnow itself, where it runs without being installed.
    if torch.version.cuda:
        found["cuda"] = torch.version.cuda
    if revision := _revision():
        found["revision"] = revision
    return found


def _revision() -> str | None:
    """Return the revision, with "-dirty" for a checkout that has been changed; None where this is no checkout."""
    if not (_CHECKOUT / ".git").exists():
        return None
    command = ["git", "-C", str(_CHECKOUT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError:
        return None
    return answer.stdout.strip() or None
