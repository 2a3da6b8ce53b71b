"""What a run leaves on disk: states to go on from, and milestones. Each file is there whole, or not at all."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ml.errors import Refusal
from ml.pretraining.recipe import Recipe, recipe_of

LAST = "last.ckpt"
MILESTONES = "milestones"

_FORMAT = 1
_KINDS = {"state", "milestone"}

Content = dict[str, Any]  # plain values and tensors: all that torch.load(weights_only=True) lets through


class BadCheckpoint(Refusal):
    """A checkpoint that cannot be used; the message is a sentence that names the file."""


class DamagedCheckpoint(BadCheckpoint):
    """A checkpoint that is not whole any more."""


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """A backbone, with how it came to be."""

    recipe: Recipe
    epoch: int  # finished ones
    step: int
    images: int  # it was trained on
    dimension: int  # of its vectors
    versions: dict[str, str]
    backbone: dict[str, Tensor]  # float32, on the CPU; names as make_backbone gives them


class States:
    """The states of a run: last.ckpt, and before it previous.ckpt, previous-2.ckpt, …, `keep` of them in all."""

    def __init__(self, folder: Path, *, keep: int) -> None:
        self.folder = folder
        self._keep = keep
        self._damaged: list[Path] = []

    def write(self, content: Content) -> None:
        """Make this the newest state; once this returns it is on the disk for good.

        Raises OSError, after which the states are as they were.
        """
        files = self._files()
        with _written_aside(files[0], {"format": _FORMAT, "kind": "state", **content}):
            # Else they would take the places of those that are whole.
            while self._damaged:
                self._damaged.pop().unlink(missing_ok=True)
            for newer, older in reversed(list(pairwise(files[: self._keep]))):
                if newer.exists():
                    newer.replace(older)
        for surplus in files[self._keep :]:
            surplus.unlink(missing_ok=True)

    def newest(self) -> tuple[Content | None, list[str]]:
        """Return the newest state that is whole, None where there is none yet, and a sentence for each damaged one.

        Raises BadCheckpoint if all are damaged, or if one is whole but cannot be used.
        """
        files = [file for file in self._files() if file.exists()]
        damages: list[str] = []
        for file in files:
            try:
                return _read(file, {"state"}), damages
            except DamagedCheckpoint as error:
                damages.append(str(error))
                self._damaged.append(file)
        if files:
            raise BadCheckpoint(" ".join([*damages, "Delete what is damaged, and the same command begins anew."]))
        return None, []

    def _files(self) -> list[Path]:
        """All that there are and all that there may be, newest first."""
        there = len(list(self.folder.glob("previous*.ckpt")))
        names = [LAST, "previous.ckpt", *(f"previous-{number}.ckpt" for number in range(2, 1 + max(there, self._keep)))]
        return [self.folder / name for name in names]


def write_milestone(folder: Path, content: Content) -> Path:
    """Keep a backbone of the run in `folder` for good, and return its file. Raises OSError."""
    file = folder / MILESTONES / f"epoch-{content['epoch']:04}.ckpt"
    file.parent.mkdir(exist_ok=True)
    with _written_aside(file, {"format": _FORMAT, "kind": "milestone", **content}):
        pass
    return file


def read_milestone(file: Path) -> Milestone:
    """Read the backbone of a milestone, or of a state. Raises BadCheckpoint."""
    content = _read(file, _KINDS)
    return Milestone(
        recipe=recipe_of(content["recipe"], told_as=f"The recipe in {file}"),
        **{key: content[key] for key in ("epoch", "step", "images", "dimension", "versions", "backbone")},
    )


def on_cpu(values: Any) -> Any:
    """Return nested dicts and lists with their tensors on the CPU; those that are there already are not copied."""
    if isinstance(values, Tensor):
        return values.detach().cpu()
    if isinstance(values, Mapping):
        return {key: on_cpu(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return type(values)(on_cpu(value) for value in values)
    return values


def _read(file: Path, kinds: set[str]) -> Content:
    try:
        # torch does not look at the checksums that it writes.
        with zipfile.ZipFile(file) as archive:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise BadCheckpoint(f"There is no checkpoint {file}.") from error
    except PermissionError as error:
        raise BadCheckpoint(f"The checkpoint {file} may not be read (permission denied).") from error
    # What is damaged makes zipfile, pickle and torch raise almost anything.
    except Exception as error:
        raise DamagedCheckpoint(f"The checkpoint {file} is damaged or cut off.") from error
    if not isinstance(content, dict) or "format" not in content:
        raise DamagedCheckpoint(f"{file} is no checkpoint of a pretraining run.")
    if content["format"] != _FORMAT or content.get("kind") not in kinds:
        raise BadCheckpoint(f"{file} is no checkpoint of a pretraining run that this version reads.")
    return content


@contextmanager
def _written_aside(file: Path, content: Content) -> Iterator[None]:
    """Have the content on the disk under another name during the block, and under its own after it."""
    # Through memory: where a disk is full, torch's own writer says so in other words than everybody else.
    encoded = io.BytesIO()
    torch.save(content, encoded)
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("wb") as out:
            out.write(encoded.getbuffer())
            out.flush()
            os.fsync(out.fileno())
        yield
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
