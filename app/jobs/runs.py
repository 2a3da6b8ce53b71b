"""Pretraining runs as they are named and kept: a folder each, and encoders that are called after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.jobs.lifecycle import PRETRAIN
from app.registry.encoders import EncoderLine, list_encoders
from app.settings import Settings
from app.tables import Job

# Part of file names and of command lines, with room for the epoch behind it.
NAME_FORM = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"

_ENCODER_FORM = "{run}-epoch-{epoch:04d}"
_MILESTONE = re.compile(r"epoch-(\d+)\.ckpt")


@dataclass(frozen=True)
class Run:
    """A run of one's own, by its name."""

    name: str
    folder: Path
    encoders: Path  # the folder where one's own encoders are

    @property
    def images(self) -> Path:
        """The list of the images that it began with."""
        return self.folder / "images.jsonl"

    def encoder(self, epoch: int) -> Path:
        """Return where the encoder of a milestone belongs."""
        return self.encoders / _ENCODER_FORM.format(run=self.name, epoch=epoch)

    def milestones(self) -> list[tuple[int, Path]]:
        """Return the milestones on disk, each with its epoch, the earliest first."""
        files = (self.folder / "milestones").glob("*.ckpt")
        named = ((_MILESTONE.fullmatch(file.name), file) for file in files)
        return sorted((int(found[1]), file) for found, file in named if found)


def run_named(settings: Settings, name: str) -> Run:
    """Return the run of this name, whether it exists or not."""
    return Run(name, settings.runs / name, settings.encoder_folders[0])


def encoders_of(settings: Settings, name: str) -> list[EncoderLine]:
    """Return the encoders that a run has made, the earliest milestone first."""
    form = re.compile(re.escape(name) + r"-epoch-(\d+)")
    found = ((form.fullmatch(line.name), line) for line in list_encoders(settings))
    return [line for _, line in sorted((int(match[1]), line) for match, line in found if match)]


def job_of_run(session: Session, *, name: str) -> int | None:
    """Return the latest job that made, or is to make, the run of this name."""
    named = select(Job.id).where(Job.kind == PRETRAIN, Job.arguments["name"].as_string() == name)
    return session.scalars(named.order_by(Job.id.desc()).limit(1)).first()


def free_name(session: Session, settings: Settings, *, pool: str) -> str:
    """Return a name that no run has yet: the pool's, as far as it may be one, and a number."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", pool).strip("-._")[:60] or "run"
    names = (f"{stem}-{number}" for number in count(1))
    return next(name for name in names if not is_taken(session, settings, name=name))


def is_taken(session: Session, settings: Settings, *, name: str) -> bool:
    """Whether there is a run of this name: of some pool, or one that was made by hand."""
    return run_named(settings, name).folder.exists() or job_of_run(session, name=name) is not None
