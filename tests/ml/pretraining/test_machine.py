"""What a run is made with."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from ml.pretraining.machine import BadMachine, machine_for, versions  # noqa: E402
from ml.pretraining.recipe import Training  # noqa: E402
from tests.ml.conftest import REPOSITORY  # noqa: E402

TRAINING = Training(epochs=1, batch=96)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)


@pytest.mark.usefixtures("gpus")
def test_all_gpus_are_used_and_bf16_unless_told_otherwise() -> None:
    machine = machine_for(TRAINING, None)
    assert (machine.accelerator, machine.devices, machine.ranks, machine.precision) == ("cuda", 4, 4, "bf16-mixed")
    assert machine_for(replace(TRAINING, precision="float32"), None).precision == "32-true"
    assert machine_for(TRAINING, 2).ranks == 2
    with pytest.raises(BadMachine, match="There are 4 GPUs here, and 8 were asked for"):
        machine_for(TRAINING, 8)


@pytest.mark.usefixtures("gpus")
def test_a_gpu_that_can_only_emulate_bf16_is_spared_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    assert machine_for(TRAINING, None).precision == "32-true"


@pytest.mark.usefixtures("gpus")
def test_small_shares_of_a_batch_share_their_statistics() -> None:
    assert machine_for(TRAINING, 4).sync_batchnorm  # 24 images each
    assert not machine_for(replace(TRAINING, batch=512), 4).sync_batchnorm
    assert not machine_for(replace(TRAINING, batch=16), 1).sync_batchnorm  # alone: it has the whole batch


@pytest.mark.usefixtures("gpus")
def test_torchrun_says_how_many_processes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "run", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "12"}.items():
        monkeypatch.setenv(name, value)
    machine = machine_for(TRAINING, None)
    assert (machine.devices, machine.nodes, machine.ranks) == (4, 3, 12)


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="this is no checkout")
def test_versions_name_the_revision_of_a_checkout() -> None:
    command = ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"]
    head = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    assert versions()["revision"].removesuffix("-dirty") == head
