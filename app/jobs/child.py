"""Child processes: JSON lines of progress come up, standard error is the log, and none outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from app.errors import AppError, Unavailable
from app.settings import Settings

Event = dict[str, Any]

ENDS_WITH_STDIN = "WINNOW_EXIT_WITH_STDIN"
TIME_TO_END_S = 5.0

_ASKED_EVERY_S = 0.2
_BEHIND_PEOPLE = 19  # niceness: the last to get a core while somebody waits for a page


class Stopped(Unavailable):
    """This work was stopped before it was done. What was done is kept."""


class ChildFailed(AppError):
    """The process that did the work ended badly."""

    status = 500


def run_child(
    module: str,
    *arguments: str,
    environment: Mapping[str, str],
    log: Path,
    on_event: Callable[[Event], None],
    should_stop: Callable[[], bool],
    ended_badly: Callable[[int], str],
    time_to_end_s: float = TIME_TO_END_S,
) -> None:
    """Run `python -m module` to its end, handing up each JSON line that it prints.

    Raises Stopped soon after `should_stop` says so, and ChildFailed with the sentence of the child's own
    `error` event, else with `ended_badly(exit code)`. On every way out the child is gone.
    """
    # -P: a folder named "ml" where the command is typed is not ours.
    command = [sys.executable, "-P", "-m", module, *arguments]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as errors:
        child = start(command, environment=environment, stdout=subprocess.PIPE, stderr=errors)
    with child:
        try:
            _let_people_go_first(child.pid)
            threading.Thread(target=_end_when_told, args=(child, should_stop, time_to_end_s), daemon=True).start()
            assert child.stdout is not None
            sentence = _listen(child.stdout, on_event)
            exit_code = child.wait()
        finally:
            end(child)
    if exit_code:
        if should_stop():
            raise Stopped
        raise ChildFailed(sentence or ended_badly(exit_code))


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    stdout: int | None = None,
    stderr: IO[bytes] | None = None,
) -> subprocess.Popen[str]:
    """Start a process that ends itself when this one is gone, even when this one is killed.

    It has a group of its own, so that Ctrl-C in a terminal reaches its parent alone, which then ends it in order.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        env={**environment, ENDS_WITH_STDIN: "1"},
        encoding="utf-8",
        errors="replace",
        process_group=0,
    )


def end(child: subprocess.Popen[str], *, patience_s: float = TIME_TO_END_S) -> None:
    """End a process and its children, kindly and then by force. One that has ended already is left in peace."""
    if child.poll() is not None:
        return
    try:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(patience_s)
    except ProcessLookupError:
        pass  # Another thread has seen it end meanwhile.
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def when_stdin_ends(action: Callable[[], None]) -> None:
    """Call `action`, from a thread, when the parent is gone, if this process was started to end with its parent."""

    def wait() -> None:
        while os.read(0, 1024):
            pass
        action()

    if os.environ.get(ENDS_WITH_STDIN) == "1":
        threading.Thread(target=wait, name="parent watch", daemon=True).start()


def environment_for(settings: Settings) -> dict[str, str]:
    """Return the environment in which a child reads the same settings, and its idle threads sleep."""
    ours = {f"WINNOW_{name.upper()}": _as_text(value) for name, value in settings}
    return {**os.environ, **ours, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONUNBUFFERED": "1"}


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        between = os.pathsep if any(isinstance(part, Path) for part in value) else ","
        return between.join(map(str, value))
    return str(value)


def _let_people_go_first(pid: int) -> None:
    try:
        os.setpriority(os.PRIO_PROCESS, pid, _BEHIND_PEOPLE)
    except ProcessLookupError:
        pass  # It has ended already, and how is told by its exit code.


def _end_when_told(child: subprocess.Popen[str], should_stop: Callable[[], bool], time_to_end_s: float) -> None:
    while child.poll() is None:
        if should_stop():
            end(child, patience_s=time_to_end_s)
            return
        try:
            child.wait(_ASKED_EVERY_S)
        except subprocess.TimeoutExpired:
            pass


def _listen(lines: IO[str], on_event: Callable[[Event], None]) -> str | None:
    """Hand up the events until the child closes its end; return the sentence of its last error."""
    sentence = None
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # Not for us: a library that prints.
        if not isinstance(event, dict):
            continue
        if event.get("event") == "error":
            sentence = str(event.get("message") or "") or None
        else:
            on_event(event)
    return sentence
