"""States and milestones on disk: whole or not there."""

from __future__ import annotations

import resource
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from ml.pretraining.checkpoints import BadCheckpoint, States, read_milestone, write_milestone  # noqa: E402
from ml.pretraining.recipe import read_recipe  # noqa: E402


def content(step: int) -> dict[str, Any]:
    """What a run might save after a step."""
    weights = {"conv1.weight": torch.full((64, 3, 7, 7), float(step)), "bn1.num_batches_tracked": torch.tensor(step)}
    return {
        "recipe": read_recipe("smoke").as_dict(),
        "epoch": step // 10,
        "step": step,
        "images": 320,
        "dimension": 512,
        "versions": {"torch": "2"},
        "backbone": weights,
        "module": {f"backbone.{name}": tensor for name, tensor in weights.items()},
        "optimiser": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"betas": (0.9, 0.95), "lr": 0.1}]},
    }


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def steps(folder: Path) -> dict[str, int]:
    return {path.name: read_milestone(path).step for path in folder.glob("*.ckpt")}


def test_a_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    states = States(tmp_path, keep=2)
    assert states.newest() == (None, [])
    states.write(content(7))
    found, damages = states.newest()
    assert found is not None
    assert damages == []
    assert found["step"] == 7
    assert found["optimiser"] == content(7)["optimiser"]
    torch.testing.assert_close(found["module"], content(7)["module"], rtol=0, atol=0)


def test_as_many_states_are_kept_as_the_recipe_says(tmp_path: Path) -> None:
    for step in range(1, 6):
        States(tmp_path, keep=3).write(content(step))
    assert steps(tmp_path) == {"last.ckpt": 5, "previous.ckpt": 4, "previous-2.ckpt": 3}
    States(tmp_path, keep=1).write(content(6))
    assert steps(tmp_path) == {"last.ckpt": 6}


@pytest.mark.parametrize("damage", ["cut off", "one bit", "emptied", "something else"])
def test_of_a_damaged_state_the_one_before_is_taken_and_that_is_told(tmp_path: Path, damage: str) -> None:
    states = States(tmp_path, keep=2)
    states.write(content(1))
    states.write(content(2))
    last = tmp_path / "last.ckpt"
    damaged = bytearray(last.read_bytes())
    if damage == "cut off":
        del damaged[len(damaged) // 2 :]
    elif damage == "one bit":
        damaged[data_offset(last)] ^= 1
    elif damage == "emptied":
        damaged.clear()
    last.write_bytes(damaged)
    if damage == "something else":
        torch.save({"weights": torch.zeros(3)}, last)
    found, damages = states.newest()
    assert found is not None
    assert found["step"] == 1
    assert len(damages) == 1
    assert str(last) in damages[0]


def test_a_damaged_state_takes_the_place_of_no_whole_one(tmp_path: Path) -> None:
    for step in (1, 2):
        States(tmp_path, keep=2).write(content(step))
    (tmp_path / "last.ckpt").write_bytes(b"damaged")
    states = States(tmp_path, keep=2)
    states.newest()
    states.write(content(3))
    assert steps(tmp_path) == {"last.ckpt": 3, "previous.ckpt": 1}


def test_a_state_that_is_whole_but_of_no_use_is_not_passed_over(tmp_path: Path) -> None:
    states = States(tmp_path, keep=2)
    states.write(content(1))
    states.write(content(2))
    torch.save({"format": 99, "kind": "state"}, tmp_path / "last.ckpt")
    with pytest.raises(BadCheckpoint, match="no checkpoint of a pretraining run that this version reads"):
        states.newest()


def test_where_all_states_are_damaged_nothing_begins_anew_in_silence(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"")
    (tmp_path / "previous.ckpt").write_bytes(b"PK")
    with pytest.raises(BadCheckpoint, match=r"last\.ckpt is damaged.*previous\.ckpt is damaged.*[Dd]elete"):
        States(tmp_path, keep=2).newest()


def test_between_two_renames_the_state_before_is_still_found(tmp_path: Path) -> None:
    states = States(tmp_path, keep=2)
    states.write(content(1))
    (tmp_path / "last.ckpt").rename(tmp_path / "previous.ckpt")
    found, damages = states.newest()
    assert found is not None
    assert (found["step"], damages) == (1, [])


def test_a_full_disk_leaves_the_old_states_and_no_litter(tmp_path: Path) -> None:
    states = States(tmp_path, keep=2)
    states.write(content(1))
    states.write(content(2))
    with little_room(10_000), pytest.raises(OSError, match="File too large"):
        states.write(content(3))
    assert files(tmp_path) == ["last.ckpt", "previous.ckpt"]
    assert steps(tmp_path) == {"last.ckpt": 2, "previous.ckpt": 1}


def test_milestones_and_states_are_read_alike(tmp_path: Path) -> None:
    file = write_milestone(tmp_path, content(42))
    assert file == tmp_path / "milestones" / "epoch-0004.ckpt"
    States(tmp_path, keep=2).write(content(42))
    for milestone in (read_milestone(file), read_milestone(tmp_path / "last.ckpt")):
        assert (milestone.epoch, milestone.step, milestone.images, milestone.dimension) == (4, 42, 320, 512)
        assert milestone.recipe == read_recipe("smoke")
        torch.testing.assert_close(milestone.backbone, content(42)["backbone"], rtol=0, atol=0)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"format": 1, "kind": "milestone", "recipe": Trap(tmp_path / "sprung")}, tmp_path / "trap.ckpt")
    with pytest.raises(BadCheckpoint, match="damaged"):
        read_milestone(tmp_path / "trap.ckpt")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["nothing.ckpt", "."])
def test_a_checkpoint_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadCheckpoint, match="There is no checkpoint"):
        read_milestone(tmp_path / name)


class Trap:
    """An object that makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def data_offset(file: Path) -> int:
    """Return a place within the numbers of a tensor."""
    with zipfile.ZipFile(file) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        return largest.header_offset + largest.file_size // 2


@contextmanager
def little_room(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: what a full disk does, to this process alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
