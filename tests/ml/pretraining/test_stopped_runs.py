"""`python -m ml pretrain` as processes: killed, terminated, in several ranks of which one dies."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from ml.__main__ import main  # noqa: E402
from ml.pretraining.checkpoints import read_milestone  # noqa: E402
from ml.progress import JsonLines  # noqa: E402
from tests.ml.conftest import REPOSITORY, ml_command  # noqa: E402
from tests.ml.pretraining.runs import CHANGES, assert_same_state, milestones, some_pictures, train  # noqa: E402

SOON_S = 10.0

# More steps than are done in the seconds between two figures, several times.
EPOCHS = 60
STEPS = 5 * EPOCHS
LONG = [f"training.epochs={EPOCHS}"]
SELDOM_SAVED = "checkpoints.minutes=60"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return some_pictures(tmp_path_factory.mktemp("pictures"))


def ml_arguments(images: Path, out: Path, *changes: str, **options: object) -> list[str]:
    given = [["--set", change] for change in [*CHANGES, *changes]]
    options = {"threads": 1, "cache": images.parent / "cache"} | options
    given += [[f"--{name}", str(value)] for name, value in options.items()]
    parts = [part for pair in given for part in pair]
    return ["pretrain", "smoke", "--images", str(images), "--out", str(out), *parts]


@contextmanager
def started(*arguments: Any, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Start a run in a group of its own; whatever is left of it at the end is killed."""
    child = subprocess.Popen(
        ml_command(*ml_arguments(*arguments, **options)),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    with child:
        try:
            yield child
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def listen(child: subprocess.Popen[str], until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the first event of which `until` is true."""
    assert child.stdout is not None
    assert child.stderr is not None
    for line in child.stdout:
        event = json.loads(line)
        if until(event):
            return event
    raise AssertionError(f"The run has ended: {child.stderr.read()}")


def in_mid_epoch(event: dict[str, Any]) -> bool:
    return event["event"] == "figures" and event["step"] % 5 != 0


def last_words(lines: Iterable[str] | None) -> str:
    assert lines is not None
    [error] = [event for event in map(json.loads, lines) if event["event"] == "error"]
    return str(error["message"])


def other_ranks(child: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
    return [int(pid) for pid in children if b"LOCAL_RANK=1" in Path(f"/proc/{pid}/environ").read_bytes()]


def ended(pid: int) -> bool:
    """Whether a process is gone, or nothing but an entry that nobody has read."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_and_asked_to_stop_in_mid_epoch_it_ends_bit_by_bit_as_if_never_stopped(
    images: Path, tmp_path: Path
) -> None:
    run = tmp_path / "stopped"
    with started(images, run, *LONG) as child:
        listen(child, in_mid_epoch)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    killed_at = read_milestone(run / "last.ckpt").step
    assert 0 < killed_at < STEPS

    with started(images, run, *LONG, SELDOM_SAVED) as child:
        reached = listen(child, lambda event: event["event"] == "figures" and event["step"] > killed_at)["step"]
        assert read_milestone(run / "last.ckpt").step == killed_at
        child.send_signal(signal.SIGTERM)
        told = last_words(child.stdout)
        assert child.wait(SOON_S) == 1
        assert child.stderr is not None
        assert child.stderr.read() == ""
    saved = read_milestone(run / "last.ckpt").step
    assert reached <= saved < STEPS
    assert told == f"Stopped at epoch {saved / 5:.1f}; the same command goes on from there."
    assert not (run / "milestones").exists()

    # Both in one process, and not in this one: other tests may have changed how many threads it computes with.
    commands = [ml_arguments(images, out, *LONG, SELDOM_SAVED) for out in (run, tmp_path / "whole")]
    program = f"from ml.__main__ import main; raise SystemExit(any(map(main, {commands!r})))"
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)
    assert_same_state(run, tmp_path / "whole")
    # What was told of steps that were then done again is told once.
    lines = (run / "log.csv").read_text().splitlines()[1:]
    steps = [int(line.split(",")[0]) for line in lines]
    assert steps == sorted(set(steps))
    assert steps[-1] == STEPS


def test_asked_to_stop_while_it_decodes_it_ends_at_once(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Asking(JsonLines):
        def step(self, phase: str, done: int, total: int) -> None:
            super().step(phase, done, total)
            if phase == "hash":
                os.kill(os.getpid(), signal.SIGTERM)

    # In this process, where torch is loaded already.
    monkeypatch.setattr("ml.__main__.JsonLines", Asking)
    assert main(ml_arguments(images, tmp_path / "run", threads=2, cache=tmp_path / "cache")) == 1
    assert last_words(capsys.readouterr().out.splitlines()) == "Stopped. The same command goes on where it was."
    assert multiprocessing.active_children() == []
    assert not (tmp_path / "run" / "last.ckpt").exists()


def test_of_two_ranks_none_outlives_the_other_and_one_can_go_on_alone(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    # An allocation of SLURM's for a single task, as who works in one interactively has: Lightning would refuse.
    for name in ("NTASKS", "JOB_ID", "NNODES", "NTASKS_PER_NODE"):
        monkeypatch.setenv(f"SLURM_{name}", "1")
    monkeypatch.setenv("SLURM_JOB_NAME", "train")
    with started(images, run, *LONG, devices=2) as child:
        listen(child, in_mid_epoch)
        [other] = other_ranks(child)
        os.kill(other, signal.SIGKILL)
        began = time.monotonic()
        assert last_words(child.stdout) == (
            "Process 1 of 0 to 1 was ended by signal 9, so the others have ended too. "
            "The same command goes on from the last checkpoint."
        )
        assert child.wait(SOON_S) == 1
        assert time.monotonic() - began < SOON_S

    with started(images, run, *LONG, devices=2) as child:
        assert "Going on at epoch" in listen(child, lambda event: event["event"] == "note")["message"]
        listen(child, in_mid_epoch)
        [other] = other_ranks(child)
        child.kill()
        wait_until(lambda: ended(other))

    with started(images, run, *LONG, devices=2) as child:
        listen(child, in_mid_epoch)
        [other] = other_ranks(child)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        assert "the same command goes on from there" in last_words(child.stdout)
        assert child.wait(SOON_S) == 1
        wait_until(lambda: ended(other))

    # In this process, where torch is loaded already.
    for name in ("NTASKS", "JOB_ID", "NNODES", "NTASKS_PER_NODE", "JOB_NAME"):
        monkeypatch.delenv(f"SLURM_{name}")
    told = train(images, run, *LONG, SELDOM_SAVED)
    assert "Going on at epoch" in told.notes[0]
    assert milestones(run) == [f"epoch-{EPOCHS:04}.ckpt"]


def test_a_typing_error_is_told_before_torch_is_loaded(images: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from ml.__main__ import main; "
        f"code = main(['pretrain', 'smok', '--images', {str(images)!r}, '--out', {str(tmp_path / 'run')!r}]); "
        "print(code, 'torch' in sys.modules)"
    )
    told = subprocess.run(
        [*ml_command()[:1], "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    error, answer = told.stdout.splitlines()
    assert "There is no recipe smok. Shipped are cifar10-lightly, folder," in error
    assert answer == "1 False"
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_small_shares_of_a_batch_have_the_statistics_of_the_whole(images: Path, tmp_path: Path) -> None:
    for devices in (1, 2):
        done = subprocess.run(
            ml_command(*ml_arguments(images, tmp_path / str(devices), "training.precision=float32", devices=devices)),
            cwd=REPOSITORY,
            check=False,
        )
        assert done.returncode == 0
    one, two = (read_milestone(tmp_path / str(devices) / "last.ckpt").backbone for devices in (1, 2))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)
