"""The folder of a run: whose it is, what it says of itself, and that it goes on only as it began."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from ml.errors import Refusal
from ml.pretraining.checkpoints import LAST, Content
from ml.pretraining.recipe import differences, recipe_of
from ml.vectors import LeftOut

_DESCRIPTION, _LEFT_OUT, _LOCK = "run.json", "left_out.jsonl", "lock"

# What may lie there before a run begins: a list of its images is a good companion, and a beginning may have failed.
_NOTHING_ELSE = {_LOCK, _LEFT_OUT, "images.jsonl"}

# What a run may change on its way without becoming another one.
_FREE = ("checkpoints.", "watch.")


class BadRun(Refusal):
    """A run's folder that cannot be used for what is asked."""


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Have the folder, made if need be, for this process alone. Raises BadRun."""
    if folder.exists() and not folder.is_dir():
        raise BadRun(f"{folder} is a file; choose a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    if not any((folder / name).exists() for name in (_DESCRIPTION, LAST)) and any(
        path.name not in _NOTHING_ELSE and path.suffix not in {".draft", ".part"} for path in folder.iterdir()
    ):
        raise BadRun(f"{folder} holds something else than a run; choose an empty folder.")
    with (folder / _LOCK).open("w") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadRun(f"Another process is training in {folder}; wait until it is done, or stop it.") from error
        yield


def describe(folder: Path, facts: Content, left_out: Sequence[LeftOut]) -> None:
    """Write what everybody may read of a run: run.json, and left_out.jsonl with the images that it does without."""
    _write(folder / _LEFT_OUT, "".join(json.dumps(asdict(entry)) + "\n" for entry in left_out))
    _write(folder / _DESCRIPTION, json.dumps({**facts, "left_out": len(left_out)}, indent=2) + "\n")


def refuse_another(folder: Path, state: Content, facts: Content) -> None:
    """Raise BadRun, naming all that differs, unless a state in the folder is of the run that `facts` tell of."""
    before, now = recipe_of(state["recipe"]), recipe_of(facts["recipe"])
    differing = []
    if state["fingerprint"] != facts["fingerprint"]:
        differing.append(f"the images ({state['images']:,} then, {facts['images']:,} now)")
    if not _same_weights(state["initial"], facts["initial"]):
        then, given = (told["source"] if told else None for told in (state["initial"], facts["initial"]))
        differing.append(f"--init ({then} then, {given} now)")
    differing += [line for line in differences(before, now) if not line.startswith(_FREE)]
    if differing:
        raise BadRun(
            f"{folder} holds a run that began otherwise: {'; '.join(differing)}. "
            "Begin another run in another folder, or go on with what it began with."
        )


def _same_weights(before: Content | None, now: Content | None) -> bool:
    """Whether a run started from these: the same content wherever it lies, or the same place whatever it holds by now.

    They are not needed any more once there is a state.
    """
    if before is None or now is None:
        return before is now
    return bool(before["source"] == now["source"] or before["digest"] == now["digest"])


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
