"""What commands tell: sentences for the person at the terminal, JSON lines for the process that started them."""

from __future__ import annotations

import json
import sys

import typer


def say(sentence: str) -> None:
    """Say something to the person at the terminal, for whom standard output may be a file."""
    typer.echo(sentence, err=True)


def print_event(**event: object) -> None:
    """Print a JSON line for the process that started this one."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def print_progress(phase: str, done: int, total: int) -> None:
    """Print how far a phase is, as such a line."""
    print_event(event="progress", phase=phase, done=done, total=total)
