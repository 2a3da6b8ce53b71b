"""The logs of jobs: what their processes wrote to standard error, attempt after attempt."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.settings import PROJECT, Settings
from app.tables import now


def log_file(settings: Settings, job_id: int) -> Path:
    """Return where the standard error of a job's processes is kept."""
    return settings.home / "jobs" / f"{job_id}.log"


def begin_attempt(settings: Settings, job_id: int, *, attempt: int) -> None:
    """Write into a job's log that it is taken up, so that one attempt can be told from the next."""
    log = log_file(settings, job_id)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as lines:
        lines.write(f"{now():%Y-%m-%d %H:%M:%S} UTC: attempt {attempt} begins.\n")


def end_of_log(settings: Settings, job_id: int, *, most_bytes: int) -> str:
    """Return the last whole lines of a job's log, without the folders of this server; empty if there is none."""
    try:
        with log_file(settings, job_id).open("rb") as log:
            start = max(0, log.seek(0, os.SEEK_END) - most_bytes)
            log.seek(start)
            content = log.read()
    except FileNotFoundError:
        return ""
    if start:
        content = content.partition(b"\n")[2]
    return without_our_paths(settings, content.decode(errors="replace"))


def without_our_paths(settings: Settings, text: str) -> str:
    """Return what a child said as people may read it: it speaks to whoever typed the command and knows the folders."""
    for place in (settings.home, PROJECT, Path(sys.prefix), Path(sys.base_prefix)):
        text = text.replace(f"{place}{os.sep}", "")
    return text
