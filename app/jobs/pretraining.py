"""A pretraining: one child process trains on the pool's images, others make encoders of its milestones meanwhile."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import isfinite
from typing import Any

from app.errors import AppError
from app.jobs.child import ChildFailed, Event, Stopped
from app.jobs.logs import without_our_paths
from app.jobs.originals import listed, originals
from app.jobs.recipes import require_trainers
from app.jobs.runs import Run, encoders_of, run_named
from app.jobs.work import Result, Work
from app.registry.encoders import find_encoder
from ml.images import read_list, write_list

log = logging.getLogger(__name__)

# A step of a large batch on a CPU, and a checkpoint on a slow disk.
TIME_TO_END_S = 60.0
NOTES_KEPT = 20


def pretrain(work: Work) -> Result:
    """Train until the recipe's last epoch; done again, it goes on where it was, with the images it began with.

    Each milestone becomes an encoder named after the run and its epoch, once. Raises TrainersMissing,
    EncoderNotFound, EncoderDamaged, ChildFailed and Stopped; whatever was reached is kept.
    """
    require_trainers()
    run = run_named(work.settings, work.job.arguments["name"])
    _write_list(work, run)
    figures = _Figures(work)
    with ThreadPoolExecutor(1, "milestones") as aside:

        def hear(event: Event) -> None:
            figures.hear(event)
            if event.get("event") == "artifact":
                aside.submit(_try_to_export, work, run)

        aside.submit(_try_to_export, work, run)  # those of an attempt that was killed before it came to them
        events = work.run("ml", *_command(work, run), on_event=hear, time_to_end_s=TIME_TO_END_S)
    if not any(event.get("kind") == "run" for event in events):
        if work.should_stop():
            raise Stopped
        raise ChildFailed(f"The training ended too early; the log of job {work.job.id} tells more.")
    _export(work, run)
    return {
        "epochs": work.job.arguments["epochs"],
        "encoders": [encoder.name for encoder in encoders_of(work.settings, run.name)],
    }


def _write_list(work: Work, run: Run) -> None:
    """List the images: those that the run began with, wherever they lie by now."""
    with work.database.read() as session:
        present = [listed(image) for image in originals(session, pool_id=work.job.pool_id)]
    if run.images.exists():
        places = {image.id: image for image in present}
        present = [places.get(image.id, image) for image in read_list(run.images)]
    run.folder.mkdir(parents=True, exist_ok=True)
    draft = run.images.with_suffix(".draft")
    write_list(draft, present)
    draft.replace(run.images)


def _command(work: Work, run: Run) -> list[str]:
    asked = work.job.arguments
    command = ["pretrain", asked["recipe"], "--images", str(run.images), "--out", str(run.folder)]
    for change in asked["changes"]:
        command += ["--set", change]
    if asked["init"] is not None:
        folder, _ = find_encoder(work.settings, asked["init"])
        command += ["--init", str(folder)]
    return [*command, "--progress", "json"]


def _try_to_export(work: Work, run: Run) -> None:
    """Make encoders while the training goes on; what fails is tried again at its end, and told then."""
    try:
        _export(work, run)
    except Stopped:
        pass
    except (AppError, OSError):
        log.warning("Job %s: a milestone is no encoder yet.", work.job.id, exc_info=True)


def _export(work: Work, run: Run) -> None:
    """Make an encoder of each milestone that is none yet. Their folders tell: they appear whole, and never change."""
    silent = replace(work, report=lambda *_: None)
    for epoch, milestone in run.milestones():
        encoder = run.encoder(epoch)
        if not encoder.exists():
            silent.run(
                "ml", "export-encoder", "--checkpoint", str(milestone), "--name", encoder.name, "--out", str(encoder)
            )


class _Figures:
    """The job's figures, brought up to date by what the child says."""

    def __init__(self, work: Work) -> None:
        self._settings = work.settings
        self._show = work.show
        self._figures: dict[str, Any] = dict(work.job.figures or {})

    def hear(self, event: Event) -> None:
        said = {key: _storable(value) for key, value in event.items()}
        kind = said.pop("event", None)
        if kind == "figures":
            self._figures |= said
        elif kind == "judged":
            said = {"loss": self._figures.get("loss")} | said
            judged = {line["epoch"]: line for line in [*self._figures.get("judged", []), said]}
            self._figures["judged"] = [judged[epoch] for epoch in sorted(judged)]
        elif kind == "note":
            note = without_our_paths(self._settings, str(said["message"]))
            self._figures["notes"] = [*self._figures.get("notes", []), note][-NOTES_KEPT:]
        else:
            return
        self._show(dict(self._figures))


def _storable(value: Any) -> Any:
    """Return null for a loss that is no number: neither JSON nor a database holds one."""
    return None if isinstance(value, float) and not isfinite(value) else value
