import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.jobs.child import ChildFailed, Stopped, environment_for, run_child
from app.settings import Settings
from tests.jobs.conftest import processes_that_name, wait_for

TALKER = """
import json, os, sys, threading, time
def leave():
    sys.stdin.buffer.raw.read(1)
    os._exit(1)
threading.Thread(target=leave, daemon=True).start()
for argument in sys.argv[1:]:
    if argument == "sleep":
        time.sleep(60)
    elif argument == "die":
        os.kill(os.getpid(), 9)
    elif argument.isdecimal():
        sys.exit(int(argument))
    elif argument.startswith("!"):
        print(argument[1:], file=sys.stderr)
    else:
        print(argument, flush=True)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "talker.py").write_text(TALKER)
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


@pytest.fixture
def talk(tmp_path, environment):
    def talk(*arguments, should_stop=lambda: False):
        events = []
        run_child(
            "talker",
            *arguments,
            environment=environment,
            log=tmp_path / "jobs" / "1.log",
            on_event=events.append,
            should_stop=should_stop,
            ended_badly=lambda exit_code: f"ended with {exit_code}",
        )
        return events

    return talk


def test_json_lines_come_up_and_other_lines_do_not(talk):
    assert talk('{"event": "progress", "done": 1}', "Loading …", "[1]", '{"event": "artifact"}') == [
        {"event": "progress", "done": 1},
        {"event": "artifact"},
    ]


def test_standard_error_is_the_log(talk, tmp_path):
    talk("!first")
    talk("!second")
    assert (tmp_path / "jobs" / "1.log").read_text() == "first\nsecond\n"


def test_a_failing_childs_own_sentence_is_told(talk):
    with pytest.raises(ChildFailed, match=r"^The disk is full\.$"):
        talk('{"event": "error", "message": "The disk is full."}', "1")


@pytest.mark.parametrize(("argument", "told"), [("3", "ended with 3"), ("die", "ended with -9")])
def test_a_child_without_a_sentence_is_told_by_its_end(talk, argument, told):
    with pytest.raises(ChildFailed, match=f"^{told}$"):
        talk(argument)


def test_a_child_is_ended_when_the_work_is_to_stop(talk):
    stopping = threading.Event()
    threading.Timer(0.5, stopping.set).start()
    with pytest.raises(Stopped):
        talk("sleep", should_stop=stopping.is_set)


def test_no_child_outlives_a_killed_parent(tmp_path, environment):
    parent = """
import os, sys
from pathlib import Path
from app.jobs.child import run_child
run_child("talker", "sleep", sys.argv[1], environment=dict(os.environ), log=Path(sys.argv[1]) / "log",
          on_event=print, should_stop=lambda: False, ended_badly=str)
"""
    with subprocess.Popen([sys.executable, "-c", parent, str(tmp_path)], env=environment) as process:
        child = f"talker sleep {tmp_path}"
        wait_for(lambda: processes_that_name(child))
        process.send_signal(signal.SIGKILL)
    wait_for(lambda: not processes_that_name(child), within_s=5)


def test_a_child_reads_the_same_settings(tmp_path):
    given = Settings(
        home=tmp_path, port=1234, import_roots=(tmp_path, Path("/b")), allowed_hosts=("a", "b"), trust_local=True
    )
    code = "from app.settings import Settings; print(Settings().model_dump_json())"
    child = subprocess.run([sys.executable, "-c", code], env=environment_for(given), capture_output=True, check=True)
    assert Settings.model_validate_json(child.stdout) == given
