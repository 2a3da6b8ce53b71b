"""What becomes of a job, and in which words it is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

Kind = Literal["import", "reindex", "compare", "pretrain"]

IMPORT: Kind = "import"
REINDEX: Kind = "reindex"
COMPARE: Kind = "compare"
PRETRAIN: Kind = "pretrain"

# A worker does one job of each lane at a time, so that a pretraining of days holds no import up.
LANES: tuple[tuple[Kind, ...], ...] = ((IMPORT, REINDEX, COMPARE), (PRETRAIN,))

# A worker that was killed is missed after this long; one that lives renews its lease several times meanwhile.
LEASE = timedelta(seconds=15)
RENEWED_AFTER = timedelta(seconds=4)

# Work that takes its worker down with it each time must not go on doing so. Attempts that got further do not count.
MOST_ATTEMPTS = 3

STOPPED_BY_HAND = "Stopped from the keyboard. What was done is kept: start it again and it goes on from there."
WORN_OUT = f"The worker ended {MOST_ATTEMPTS} times in the middle of this job, so it is not tried again by itself."
INTERRUPTED = "The process that did this was ended from outside; a later job goes on with it."
UNEXPECTED = "Something unexpected happened; nothing was half-done."

_KIND_NAMES: dict[str, str] = {
    IMPORT: "An import",
    REINDEX: "A reindex",
    COMPARE: "A comparison",
    PRETRAIN: "A pretraining",
}
_ENDINGS: dict[str, str] = {"done": "is done", "failed": "has failed", "stopped": "was stopped"}


def lease_from(moment: datetime) -> datetime:
    """Return until when a job that is taken or renewed at this moment is nobody else's."""
    return moment + LEASE


def is_worn_out(attempts: int) -> bool:
    """Tell whether a job that was taken up for the `attempts`-th time has been given up."""
    return attempts > MOST_ATTEMPTS


def got_further(before: Mapping[str, Any] | None, figures: Mapping[str, Any]) -> bool:
    """Tell whether work has come beyond all that was done before this attempt, by the steps in its figures."""
    return int(figures.get("step", 0)) > int((before or {}).get("step", 0))


def already_running(kind: str, state: str, job_id: int) -> str:
    """Return what is told to the second of two who ask for the same work."""
    doing = "is already running" if state == "running" else "is already waiting its turn"
    return f"{_KIND_NAMES[kind]} of this pool {doing}: job {job_id}."


def not_under_way(state: str, job_id: int) -> str:
    """Return what is told to whoever wants to stop a job that has ended."""
    return f"Job {job_id} has ended already: it {_ENDINGS.get(state, state)}."


def cannot_go_on(state: str, job_id: int) -> str:
    """Return what is told to whoever wants to resume a job that was not stopped."""
    if state in _ENDINGS:
        return f"Job {job_id} {_ENDINGS[state]}, so there is nothing to go on with."
    return f"Job {job_id} is under way already."


def refused(reason: str | None) -> str:
    """Return the sentence for a disk that is full, a file that may not be written and the like."""
    return f"The machine refused: {reason or 'it does not say why'}. What was done is kept; mend it and start again."


def ended_badly(exit_code: int, job_id: int) -> str:
    """Return the sentence for a child process that ended without one of its own."""
    if exit_code < 0:
        how = f"was ended by signal {-exit_code}, perhaps for want of memory"
    else:
        how = f"ended with exit code {exit_code}"
    return f"The process {how}. What was done is kept; the log of job {job_id} tells more."
