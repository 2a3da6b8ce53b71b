"""The command that repeats a job, as one types it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from app.jobs.lifecycle import COMPARE, IMPORT, PRETRAIN, REINDEX


def command_of(kind: str, pool: str, asked: Mapping[str, Any]) -> str:
    """Return a command line, quoted for a shell, that does the same with the same arguments."""
    return shlex.join(_parts(kind, pool, asked))


def _parts(kind: str, pool: str, asked: Mapping[str, Any]) -> list[str]:
    if kind == PRETRAIN:
        return _pretrain(asked)
    options: list[str] = []
    what: list[str] = []
    if kind == IMPORT:
        options = ["--reindex"] if asked.get("reindex") else []
        what = [asked["folder"]]
    elif kind == REINDEX:
        options = ["--encoder", asked["encoder"]] if asked.get("encoder") else []
        options += ["--serve"] if asked.get("serve") else []
    elif kind == COMPARE:
        what = [str(asked["first"]), str(asked["second"])]
    # A pool's name may begin with a dash.
    return ["winnow", kind, *options, "--", pool, *what]


def _pretrain(asked: Mapping[str, Any]) -> list[str]:
    parts = ["python", "-m", "ml", "pretrain", asked["recipe"], "--images", "IMAGES", "--out", "RUN"]
    for change in asked["changes"]:
        parts += ["--set", change]
    if asked["init"] is not None:
        parts += ["--init", asked["init"]]
    return parts
