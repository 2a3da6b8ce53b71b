"""A pretraining as its page shows it: figures, curves, encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.jobs.curves import Curve, curves
from app.jobs.queries import JobLine
from app.jobs.runs import encoders_of
from app.pages import short
from app.registry.encoders import EncoderLine
from app.settings import Settings
from app.words import RUNNING


@dataclass(frozen=True)
class Milestone:
    """An encoder that the run has made, and what was measured of it on the way."""

    encoder: EncoderLine
    measured: list[tuple[str, str]]


@dataclass(frozen=True)
class Watched:
    """All that is shown of a run besides what is shown of every job."""

    name: str
    recipe: str
    init: str | None
    images: int
    epochs: int
    facts: list[tuple[str, str]]
    curves: list[Curve]
    milestones: list[Milestone]
    notes: list[str]


def watched(settings: Settings, job: JobLine) -> Watched:
    """Return what there is to see of a pretraining at this moment."""
    asked, figures = job.arguments, job.figures or {}
    drawn = curves(figures.get("judged", []), epochs=asked["epochs"])
    return Watched(
        name=asked["name"],
        recipe=asked["recipe"],
        init=asked["init"],
        images=asked["images"],
        epochs=asked["epochs"],
        facts=_facts(figures, asked["epochs"], running=job.state == RUNNING),
        curves=drawn,
        milestones=[Milestone(line, _measured(line, drawn)) for line in encoders_of(settings, asked["name"])],
        notes=figures.get("notes", []),
    )


def _facts(figures: dict[str, Any], epochs: int, *, running: bool) -> list[tuple[str, str]]:
    told = []
    if figures.get("epoch") is not None:
        told.append(("epoch", f"{figures['epoch']:.1f} of {epochs:,}"))
    for key, name in (("loss", "loss"), ("rate", "rate")):
        if figures.get(key) is not None:
            told.append((name, f"{figures[key]:.3g}"))
    if running and figures.get("images_per_second") is not None:
        told.append(("images a second", short(figures["images_per_second"])))
    if running and figures.get("seconds_left") is not None:
        told.append(("time left", duration(figures["seconds_left"])))
    return told


def duration(seconds: float) -> str:
    """Return a time as one says it, in its two largest units."""
    minutes = max(1, round(seconds / 60))
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _measured(encoder: EncoderLine, drawn: list[Curve]) -> list[tuple[str, str]]:
    if encoder.manifest is None:
        return []
    epoch = encoder.manifest.epochs
    return [(curve.name, short(value)) for curve in drawn for at, value in curve.points if at == epoch]
