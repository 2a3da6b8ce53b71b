"""What a run tells while it goes on: figures about once a second, in its folder and to whoever listens."""

from __future__ import annotations

import csv
import json
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from ml.errors import Refusal
from ml.progress import Progress

LOG = "log.csv"
JUDGED = "judged.jsonl"

_TOLD_EVERY_S = 1.0
# Of whole seconds, so that a checkpoint among them does not make the figure jump.
_MEASURED_OVER = 10
_COLUMNS = ("step", "epoch", "loss", "rate", "images_per_second", "seconds_left")


class Collapse(Refusal):
    """The training leads nowhere, or its numbers are none any more."""


class Teller:
    """Tells from step `start` on. What an earlier, killed run has told of later steps is forgotten."""

    def __init__(
        self,
        folder: Path,
        progress: Progress,
        *,
        start: int,
        total: int,
        steps_per_epoch: int,
        batch: int,
        slow: bool,
    ) -> None:
        """`slow` asks for a sentence on how long the run will take, as soon as that can be said."""
        self._progress, self._total, self._steps_per_epoch, self._batch = progress, total, steps_per_epoch, batch
        self._slow = slow
        _forget_after(folder / LOG, start, step_of=lambda line: int(line.split(",")[0]), header=",".join(_COLUMNS))
        _forget_after(folder / JUDGED, start, step_of=lambda line: int(json.loads(line)["step"]))
        self._log = (folder / LOG).open("a", buffering=1, newline="", encoding="ascii")
        self._rows = csv.DictWriter(self._log, _COLUMNS, extrasaction="ignore", lineterminator="\n")
        self._judged = folder / JUDGED
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=start)
        self._moments = deque([(time.monotonic(), start)], maxlen=_MEASURED_OVER + 1)
        progress.step("pretrain", start, total)

    def step(self, done: int, read: Callable[[], tuple[float, float]]) -> None:
        """Tell, if it is time to, that so many steps are done; `read` gives loss and rate, and waits for the device.

        Raises Collapse for a loss that is no number.
        """
        now = time.monotonic()
        if now - self._moments[-1][0] < _TOLD_EVERY_S and done < self._total:
            return
        loss, rate = read()
        if not math.isfinite(loss):
            raise Collapse(
                f"The loss is {loss} at step {done:,}: the numbers have grown beyond bounds. Begin anew in another "
                "folder with a lower training.rate, a longer training.warmup_epochs, or training.precision=float32."
            )
        self._moments.append((time.monotonic(), done))
        (then, before), (now, _) = self._moments[0], self._moments[-1]
        speed = (done - before) / (now - then)
        figures: dict[str, Any] = {
            "epoch": round(done / self._steps_per_epoch, 3),
            "step": done,
            "loss": loss,
            "rate": rate,
            "images": done * self._batch,
            "images_per_second": round(speed * self._batch, 1),
            "seconds_left": round((self._total - done) / speed, 1),
        }
        self._progress.step("pretrain", done, self._total)
        self._progress.figures(**figures)
        self._rows.writerow(figures)
        self._on_board(done, {"loss": loss, "rate": rate, "images_per_second": figures["images_per_second"]})
        if self._slow:
            self._slow = False
            self._progress.note(f"There is no GPU here; on the CPU this will take {_told(figures['seconds_left'])}.")

    def judged(self, done: int, epoch: int, figures: Mapping[str, float]) -> None:
        """Tell what the backbone was worth at the end of an epoch."""
        with self._judged.open("a", encoding="ascii") as lines:
            lines.write(json.dumps({"step": done, "epoch": epoch, **figures}) + "\n")
        self._on_board(done, figures)
        self._progress.judged(epoch, **figures)

    def close(self) -> None:
        self._log.close()
        self._board.close()

    def _on_board(self, step: int, figures: Mapping[str, float]) -> None:
        for name, figure in figures.items():
            self._board.add_scalar(name, figure, step)


def read_judged(folder: Path) -> list[dict[str, Any]]:
    """Return what a run has been found to be worth, oldest first: dicts with step, epoch and figures."""
    file = folder / JUDGED
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def _forget_after(file: Path, step: int, *, step_of: Callable[[str], int], header: str | None = None) -> None:
    """Leave of a file's lines those of steps up to this one, and no line that a kill has cut off."""
    lines = [header] if header else []
    if file.exists():
        for line in file.read_text().splitlines()[len(lines) :]:
            try:
                if step_of(line) > step:
                    break
            except (ValueError, KeyError):
                break
            lines.append(line)
    part = file.with_suffix(".part")
    part.write_text("".join(f"{line}\n" for line in lines))
    part.replace(file)


def _told(seconds: float) -> str:
    for name, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 1.5 * length:
            return f"about {seconds / length:.1f} {name}"
    return "about a minute" if seconds > 45 else "less than a minute"
