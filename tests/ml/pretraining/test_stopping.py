"""Signals: heard at once, and a process that nobody needs ends by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.ml.conftest import REPOSITORY

HEARS_SIGTERM = """
import os, signal, time
from ml.pretraining.stopping import StopRequest
request = StopRequest(gives_up=lambda: print("gave up", request.asked, flush=True), patience_s=0.3)
request.worth_waiting = {worth_waiting}
request.listen()
os.kill(os.getpid(), signal.SIGTERM)
{then}
"""


@pytest.mark.parametrize(
    ("worth_waiting", "then", "told", "code"),
    [
        (False, "time.sleep(9)", "gave up True\n", 1),  # before a first step nothing is waited for
        (True, "time.sleep(9)", "gave up True\n", 1),  # a step that never ends
        (True, "request.done(); time.sleep(0.6); print(request.asked)", "True\n", 0),  # it ends in order
    ],
)
def test_a_run_that_is_asked_to_stop_has_its_time_and_no_more(
    worth_waiting: bool, then: str, told: str, code: int
) -> None:
    program = HEARS_SIGTERM.format(worth_waiting=worth_waiting, then=then)
    ended = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == (told, code)


@pytest.mark.torch
def test_a_rank_whose_first_one_is_gone_before_it_can_ask_ends_too() -> None:
    pytest.importorskip("torch")
    program = "import time; from ml.pretraining.ranks import end_with_the_parent; end_with_the_parent(); time.sleep(60)"
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, "WINNOW_FIRST_RANK": gone.stdout.decode().strip()},
        check=False,
    )
    assert ended.returncode == 1
    assert time.monotonic() - began < 55
