"""The command that repeats a job, and its log."""

from __future__ import annotations

import shlex
import sys

import pytest

from app.jobs.commands import command_of
from app.jobs.logs import begin_attempt, end_of_log, log_file


@pytest.mark.parametrize(
    ("kind", "asked", "command"),
    [
        ("import", {"folder": "/my pictures", "reindex": True}, "winnow import --reindex -- 'a b' '/my pictures'"),
        ("reindex", {}, "winnow reindex -- 'a b'"),
        ("reindex", {"encoder": "mine", "serve": True}, "winnow reindex --encoder mine --serve -- 'a b'"),
        ("compare", {"first": 1, "second": 4}, "winnow compare -- 'a b' 1 4"),
    ],
)
def test_a_command_is_quoted_for_a_shell(kind: str, asked: dict[str, object], command: str) -> None:
    assert command_of(kind, "a b", asked) == command


def test_nothing_in_a_name_is_run() -> None:
    name = "-rf $(date); `id` 'x"
    assert shlex.split(command_of("reindex", name, {}))[-1] == name


def test_a_log_ends_in_whole_lines_without_our_folders(settings) -> None:
    assert end_of_log(settings, 7, most_bytes=100) == ""
    begin_attempt(settings, 7, attempt=2)
    assert end_of_log(settings, 7, most_bytes=1000).endswith("UTC: attempt 2 begins.\n")
    with log_file(settings, 7).open("a") as log:
        log.write(f'File "{settings.home}/indexes/7-x", line 1\nFile "{sys.prefix}/lib/a.py"\nthe last one\n')
    text = end_of_log(settings, 7, most_bytes=1000)
    assert 'File "indexes/7-x", line 1\n' in text
    assert (str(settings.home) in text, sys.prefix in text) == (False, False)
    assert end_of_log(settings, 7, most_bytes=20) == "the last one\n"
