"""Two real ranks, started once for all tests that ask something of them, and forked from one that has loaded torch."""

from __future__ import annotations

import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

import torch

from tests.ml.pretraining.test_losses import gradients_of
from tests.ml.pretraining.test_methods import trained_parameters

RANKS = 2


def two_ranks(folder: Path) -> list[dict[str, Any]]:
    """Return each rank's gradients, by the loss's name, and its parameters after two steps."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # To load torch takes ten seconds, of each rank if it has to; and a process that has computed gradients cannot fork.
    multiprocessing.get_context("forkserver").set_forkserver_preload([__name__])
    torch.multiprocessing.start_processes(_rank, (port, folder), nprocs=RANKS, start_method="forkserver")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]


def _rank(rank: int, port: int, folder: Path) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.distributed.init_process_group("gloo", rank=rank, world_size=RANKS)
    told = {"gradients": gradients_of(rank, RANKS), "parameters": trained_parameters(rank)}
    torch.save(told, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()
