"""A run from pictures to checkpoints: the same whatever interrupts it, and refused where it would be another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from ml.errors import Refusal  # noqa: E402
from ml.pretraining import telling  # noqa: E402
from ml.pretraining.checkpoints import read_milestone  # noqa: E402
from ml.pretraining.recipe import recipe_of  # noqa: E402
from tests.ml.conftest import SHIPPED  # noqa: E402
from tests.ml.pretraining.runs import (  # noqa: E402
    EPOCHS,
    IMAGES,
    STEPS_PER_EPOCH,
    Told,
    Unplugged,
    assert_same_state,
    milestones,
    some_pictures,
    train,
    unplugged_at,
)
from tests.ml.pretraining.test_checkpoints import little_room  # noqa: E402

TOTAL = EPOCHS * STEPS_PER_EPOCH


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return some_pictures(tmp_path / "pictures")


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize(
    "changes",
    [
        ["training.optimiser=sgd", "training.rate=0.1"],
        ["method.name=byol"],
        ["method.name=moco", "method.loss=dcl", "training.optimiser=adamw", "training.schedule=steps"],
    ],
    ids=["simclr", "byol", "moco"],
)
def test_unplugged_in_mid_epoch_and_begun_again_it_ends_bit_by_bit_the_same(
    images: Path, tmp_path: Path, changes: list[str]
) -> None:
    train(images, tmp_path / "whole", *changes)
    for step in (3, 9):
        with pytest.raises(Unplugged):
            train(images, tmp_path / "broken", *changes, told=unplugged_at(step))
    told = train(images, tmp_path / "broken", *changes)
    assert told.notes[0] == "Going on at epoch 1.6."
    assert told.steps[0] == 9
    assert_same_state(tmp_path / "whole", tmp_path / "broken")
    assert milestones(tmp_path / "whole") == milestones(tmp_path / "broken") == ["epoch-0003.ckpt"]


@pytest.mark.usefixtures("every_step")
def test_pixels_from_the_disk_give_the_run_that_pixels_in_memory_give(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "resident", streaming=False)
    with pytest.raises(Unplugged):
        train(images, tmp_path / "streaming", streaming=True, told=unplugged_at(7))
    train(images, tmp_path / "streaming", streaming=True)
    assert_same_state(tmp_path / "resident", tmp_path / "streaming")


def test_a_run_leaves_its_recipe_its_versions_and_its_figures(images: Path, tmp_path: Path) -> None:
    told = train(images, tmp_path / "run", "watch.every_epochs=2", judge=str(images))
    run = tmp_path / "run"
    assert told.artifacts == [("milestone", "epoch-0003.ckpt"), ("run", "run")]
    milestone = read_milestone(run / "milestones" / "epoch-0003.ckpt")
    described = json.loads((run / "run.json").read_text())
    assert recipe_of(described["recipe"]) == milestone.recipe
    assert (described["images"], described["left_out"]) == (IMAGES, 0)
    assert (milestone.epoch, milestone.step, milestone.images) == (3, TOTAL, IMAGES)
    assert milestone.recipe.training.epochs == EPOCHS
    assert {"python", "torch", "lightly", "pytorch-lightning", "numpy"} <= milestone.versions.keys()
    header, *lines = (run / "log.csv").read_text().splitlines()
    assert header == "step,epoch,loss,rate,images_per_second,seconds_left"
    assert lines[-1].startswith(f"{TOTAL},3.0,")
    assert [line["epoch"] for line in told.judgements] == [2, 3]
    assert all(0 <= line["knn"] <= 1 and line["rank_me"] >= 1 for line in told.judgements)
    assert [line["epoch"] for line in telling.read_judged(run)] == [2, 3]
    assert list((run / "tensorboard").glob("events.*"))
    assert any("on the CPU this will take" in note for note in told.notes)


def test_the_last_epoch_is_always_kept(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "run", "training.epochs=7", "checkpoints.milestone_every=3", "checkpoints.milestones=[1]")
    assert milestones(tmp_path / "run") == [f"epoch-{epoch:04}.ckpt" for epoch in (1, 3, 6, 7)]
    assert read_milestone(tmp_path / "run" / "last.ckpt").epoch == 7


def test_a_finished_run_says_so_and_changes_nothing(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.name != "lock"}
    told = train(images, tmp_path / "run")
    assert told.notes == [f"This run is finished: {tmp_path / 'run'} holds all its 3 epochs."]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.name != "lock"} == before


@pytest.mark.usefixtures("every_step")
def test_of_a_truncated_state_the_one_before_is_taken_and_the_run_ends_the_same(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "whole")
    with pytest.raises(Unplugged):
        train(images, tmp_path / "cut", told=unplugged_at(6))
    last = tmp_path / "cut" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:5000])
    told = train(images, tmp_path / "cut")
    assert told.notes[0] == f"The checkpoint {last} is damaged or cut off. The one before it is taken."
    assert told.steps[0] == 5
    assert read_milestone(tmp_path / "cut" / "previous.ckpt").step == TOTAL - 1  # the damaged one took no place
    assert_same_state(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.usefixtures("every_step")
def test_a_full_disk_ends_the_run_and_with_room_again_it_goes_on(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "whole")

    def fill_at_step_6(figures: dict[str, float]) -> None:
        if figures["step"] == 6:
            stack.__enter__()

    stack = little_room(1_000_000)
    try:
        with pytest.raises(OSError, match="File too large"):
            train(images, tmp_path / "full", told=Told(fill_at_step_6))
    finally:
        stack.__exit__(None, None, None)
    assert read_milestone(tmp_path / "full" / "last.ckpt").step == 5
    train(images, tmp_path / "full")
    assert_same_state(tmp_path / "whole", tmp_path / "full")


def test_a_run_goes_on_only_as_it_began(images: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(images, run, "training.epochs=1", "seed=3")
    with pytest.raises(Refusal) as refusal:
        train(some_pictures(tmp_path / "more", IMAGES + 1), run, "training.rate=0.5", initial=str(SHIPPED))
    assert str(refusal.value) == (
        f"{run} holds a run that began otherwise: the images (40 then, 41 now); --init (None then, "
        f"{SHIPPED} now); seed: 3 is now 0; training.epochs: 1 is now 3; "
        "training.rate: 0.001 is now 0.5. Begin another run in another folder, or go on with what it began with."
    )
    told = train(images, run, "training.epochs=1", "seed=3", "checkpoints.keep=5", "watch.every_epochs=1")
    assert "finished" in told.notes[0]


def test_a_run_starts_from_an_encoder_wherever_that_lies(images: Path, tmp_path: Path) -> None:
    from ml.onnx_network import torch_weights

    resnet = ["network.architecture=resnet18", "checkpoints.minutes=2"]
    nothing_learned = [*resnet, "training.rate=1e-30", "training.weight_decay=0", "training.epochs=1"]
    told = train(images, tmp_path / "run", *nothing_learned, initial=str(SHIPPED))
    assert told.notes[0] == f"The backbone starts from the encoder {SHIPPED}."
    _, weights = torch_weights(SHIPPED)
    trained = read_milestone(tmp_path / "run" / "last.ckpt").backbone
    torch.testing.assert_close(trained["conv1.weight"], weights["conv1.weight"], rtol=0, atol=0)
    copy = tmp_path / "elsewhere"
    shutil.copytree(SHIPPED, copy)
    assert "finished" in train(images, tmp_path / "run", *nothing_learned, initial=str(copy)).notes[0]


def test_once_there_is_a_state_nobody_needs_the_weights_that_a_run_started_from(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "before", "training.epochs=1")
    start = tmp_path / "before" / "last.ckpt"
    train(images, tmp_path / "run", initial=str(start))
    start.write_bytes(b"gone on")
    assert "finished" in train(images, tmp_path / "run", initial=str(start)).notes[0]
    start.unlink()
    assert "finished" in train(images, tmp_path / "run", initial=str(start)).notes[0]
    with pytest.raises(Refusal, match="--init"):
        train(images, tmp_path / "run", initial=str(tmp_path / "another.ckpt"))


@pytest.mark.parametrize(
    ("changes", "options", "sentence"),
    [
        (["network.architecture=vit"], {}, "There is no architecture vit"),
        ([], {"initial": "nowhere.ckpt"}, "There is no checkpoint nowhere.ckpt"),
        ([], {"devices": 3}, "cannot be shared equally by 3 processes"),
        (["watch.every_epochs=1"], {"judge": "nowhere"}, "There are no labelled images at nowhere"),
        ([], {"judge": "nowhere"}, "--judge is of no use where watch.every_epochs is 0"),
    ],
)
def test_mistakes_are_told_before_pictures_are_decoded(
    images: Path, tmp_path: Path, changes: list[str], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(Refusal, match=sentence):
        train(images, tmp_path / "run", *changes, **options)
    assert not (tmp_path / "cache").exists()


def test_a_checkpoint_of_another_architecture_is_refused(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "run", "training.epochs=1")
    checkpoint = tmp_path / "run" / "last.ckpt"
    with pytest.raises(Refusal, match="test_resnet with the stem stock, and the recipe asks for a resnet18 with"):
        train(images, tmp_path / "other", "network.architecture=resnet18", initial=str(checkpoint))


def test_numbers_beyond_bounds_end_the_run_with_a_sentence(images: Path, tmp_path: Path) -> None:
    with pytest.raises(telling.Collapse, match=r"no numbers any more at step|The loss is nan") as collapse:
        train(images, tmp_path / "run", "training.optimiser=sgd", "training.rate=1e30", "training.warmup_epochs=0")
    assert "lower training.rate" in str(collapse.value)
    assert not (tmp_path / "run" / "milestones").exists()


def test_vectors_that_have_become_alike_end_the_run_with_a_sentence(tmp_path: Path) -> None:
    images = some_pictures(tmp_path / "pictures", 512, side=8)
    small = ["views.side=8", "views.stored=8", "training.batch=256", "training.warmup_epochs=0", "training.epochs=9"]
    with pytest.raises(telling.Collapse, match=r"at epoch 3; watch\.least_rank is 500"):
        train(images, tmp_path / "run", *small, "watch.every_epochs=1", "watch.least_rank=500")
    assert [line["epoch"] for line in telling.read_judged(tmp_path / "run")] == [1, 2, 3]


def test_what_cannot_be_read_is_counted_named_and_left_out(images: Path, tmp_path: Path) -> None:
    (images / "reddish" / "empty.png").touch()
    (images / "reddish" / "cut.png").write_bytes((images / "reddish" / "0000.png").read_bytes()[:200])
    with pytest.raises(Refusal, match=r"Of 42 images at least 1 cannot be used, more than the 1\.00% that may"):
        train(images, tmp_path / "run")
    told = train(images, tmp_path / "run", "training.epochs=1", most_left_out=0.1)
    cut = images / "reddish" / "cut.png"
    assert told.notes[0] == (
        f"2 of 42 images cannot be read and are left out, such as {cut}, which is truncated; "
        "left_out.jsonl names them all."
    )
    left_out = [json.loads(line) for line in (tmp_path / "run" / "left_out.jsonl").read_text().splitlines()]
    assert [Path(entry["path"]).name for entry in left_out] == ["cut.png", "empty.png"]


def test_pictures_smaller_than_the_crop_are_enlarged_and_that_is_told(images: Path, tmp_path: Path) -> None:
    Image.new("RGB", (10, 30), "green").save(images / "reddish" / "small.png")
    told = train(images, tmp_path / "run", "training.epochs=1")
    assert "1 images are smaller than 24 pixels and were enlarged." in told.notes


def test_fewer_images_than_a_batch_are_refused(images: Path, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"There are 40 images, fewer than a batch of 64"):
        train(images, tmp_path / "run", "training.batch=64")


def test_the_order_and_the_place_of_the_pictures_do_not_matter(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "run")
    for number, path in enumerate(sorted(images.rglob("*.png"), reverse=True)):
        path.rename(images / f"moved-{number:03}.png")
    assert "finished" in train(images, tmp_path / "run").notes[0]


def test_a_folder_that_holds_something_else_is_left_alone(images: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("years of work")
    with pytest.raises(Refusal, match="holds something else than a run; choose an empty folder"):
        train(images, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]


def test_a_beginning_that_failed_is_begun_again(images: Path, tmp_path: Path) -> None:
    with little_room(100), pytest.raises(OSError, match="File too large"):
        train(images, tmp_path / "run", "training.epochs=1")
    assert not (tmp_path / "run" / "run.json").exists()
    (tmp_path / "run" / ".run.json.part").touch()  # what a kill in that moment leaves
    train(images, tmp_path / "run", "training.epochs=1")
    assert milestones(tmp_path / "run") == ["epoch-0001.ckpt"]


def test_two_processes_do_not_train_in_one_folder(images: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    lock = f"import fcntl; file = open({str(tmp_path / 'run' / 'lock')!r}, 'w'); fcntl.lockf(file, fcntl.LOCK_EX)"
    command = [sys.executable, "-c", f"{lock}; print('locked', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(Refusal, match="Another process is training in"):
            train(images, tmp_path / "run")
        other.kill()
