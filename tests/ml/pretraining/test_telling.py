"""What a run tells: once, in order, however often it was killed."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch
pytest.importorskip("torch")

from ml.pretraining.telling import Collapse, Teller, read_judged  # noqa: E402
from tests.ml.pretraining.runs import Told  # noqa: E402


def teller(folder: Path, told: Told, *, start: int = 0) -> Teller:
    return Teller(folder, told, start=start, total=100, steps_per_epoch=10, batch=8, slow=False)


def steps(folder: Path) -> list[int]:
    return [int(line.split(",")[0]) for line in (folder / "log.csv").read_text().splitlines()[1:]]


@pytest.mark.usefixtures("every_step")
def test_of_steps_that_are_done_again_only_the_later_telling_stays(tmp_path: Path) -> None:
    before = teller(tmp_path, Told())
    for step in range(1, 31):
        before.step(step, lambda: (1.0, 0.1))
        if step % 10 == 0:
            before.judged(step, step // 10, {"rank_me": float(step)})
    before.close()
    with (tmp_path / "log.csv").open("a") as log:
        log.write("31,3.1,0.")  # cut off by a kill
    with (tmp_path / "judged.jsonl").open("a") as judged:
        judged.write('{"step": 40, "ep')
    after = teller(tmp_path, Told(), start=25)
    assert steps(tmp_path) == list(range(1, 26))
    assert [line["epoch"] for line in read_judged(tmp_path)] == [1, 2]
    after.step(26, lambda: (2.0, 0.1))
    after.judged(30, 3, {"rank_me": 7.0})
    after.close()
    assert steps(tmp_path) == list(range(1, 27))
    assert read_judged(tmp_path)[-1] == {"step": 30, "epoch": 3, "rank_me": 7.0}


def test_figures_are_told_about_once_a_second_and_at_the_end(tmp_path: Path) -> None:
    told = Told()
    reads: list[int] = []
    with_clock = teller(tmp_path, told)
    for step in range(1, 101):
        with_clock.step(step, lambda step=step: (float(reads.append(step) or 1), 0.1))  # type: ignore[misc]
    with_clock.close()
    assert told.steps[-1] == 100
    # Reading waits for the device: it is done for what is told, and for nothing else.
    assert reads == told.steps == steps(tmp_path)
    assert len(reads) < 50


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_a_collapse(tmp_path: Path, loss: float) -> None:
    with closing(teller(tmp_path, Told())) as telling, pytest.raises(Collapse, match=f"The loss is {loss} at step 1"):
        telling.step(1, lambda: (loss, 0.1))


@pytest.mark.usefixtures("every_step")
def test_time_left_is_that_of_the_speed(tmp_path: Path) -> None:
    figures = []
    with closing(teller(tmp_path, Told(figures.append))) as telling:
        for step in (25, 50):
            telling.step(step, lambda: (1.0, 0.1))
    [_, half] = figures
    assert half["epoch"] == 5.0
    assert half["images"] == 400
    assert half["seconds_left"] == pytest.approx(50 * 8 / half["images_per_second"], rel=0.1, abs=0.11)


@pytest.mark.usefixtures("every_step")
def test_a_board_and_a_table_hold_the_figures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    telling = teller(tmp_path, Told())
    telling.step(10, lambda: (3.5, 0.1))
    telling.judged(10, 1, {"knn": 0.5})
    telling.close()
    board = EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert {"loss", "rate", "images_per_second", "knn"} <= {*board.Tags()["scalars"]}
    assert board.Scalars("loss")[0].value == 3.5
    assert json.loads((tmp_path / "judged.jsonl").read_text()) == {"step": 10, "epoch": 1, "knn": 0.5}
