"""`python -m ml` as a process: killed, starved of disk, without permissions, orphaned."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml.images import write_list
from ml.progress import JsonLines
from ml.vectors import read_vectors
from tests.ml.colour_grid import FOLDER as COLOUR_GRID
from tests.ml.conftest import REPOSITORY, SHIPPED, MakePictures, Run, as_nobody, ml_command


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are private."""
    folder = Path(tempfile.mkdtemp(prefix="winnow-test-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_a_folder_becomes_an_index(pictures: MakePictures, tmp_path: Path, run_ml: Run) -> None:
    images = pictures(12)
    (tmp_path / "pictures" / "notes.txt").write_text("not looked at")
    (tmp_path / "pictures" / "empty.jpg").touch()
    (tmp_path / "secret.png").write_bytes(images[0].path.read_bytes())
    (tmp_path / "pictures" / "link.png").symlink_to(tmp_path / "secret.png")
    embedded = run_ml("embed", "--encoder", COLOUR_GRID, "--images", tmp_path / "pictures", "--out", tmp_path / "v")
    assert embedded.returncode == 0, embedded.stdout
    assert _events(embedded)[-1] == {
        "event": "artifact",
        "kind": "vectors",
        "path": str(tmp_path / "v"),
        "images": 14,
        "left_out": 2,
    }
    assert embedded.stderr.splitlines() == [
        f"{tmp_path}/pictures/link.png is a link that leads out of the folder",
        f"{tmp_path}/pictures/empty.jpg is empty",
    ]
    indexed = run_ml("index", "--vectors", tmp_path / "v", "--out", tmp_path / "index")
    assert (indexed.returncode, indexed.stderr) == (0, "")
    assert _events(indexed)[-1]["vectors"] == 12
    assert not (tmp_path / "index" / "stacks.npy").exists()


def test_stacks_are_looked_for_in_the_pictures_that_are_named(
    pictures: MakePictures, tmp_path: Path, run_ml: Run
) -> None:
    images = pictures(6)
    Image.open(images[0].path).resize((50, 50)).save(tmp_path / "pictures" / "copy.png")
    run_ml("embed", "--encoder", COLOUR_GRID, "--images", tmp_path / "pictures", "--out", tmp_path / "v")
    for number, named in enumerate((tmp_path / "pictures", tmp_path / "v" / "images.jsonl")):
        index = tmp_path / f"index-{number}"
        indexed = run_ml("index", "--vectors", tmp_path / "v", "--images", named, "--out", index)
        assert _events(indexed)[-1]["vectors"] == 7, indexed.stderr
        assert "stacks" in {event.get("phase") for event in _events(indexed)}
        assert len(np.unique(np.load(index / "stacks.npy"))) == 6


def test_killed_in_the_middle_and_run_again_it_ends_with_the_same_vectors(
    pictures: MakePictures, tmp_path: Path, run_ml: Run
) -> None:
    write_list(tmp_path / "list.jsonl", pictures(250))
    command = ("embed", "--encoder", SHIPPED, "--images", tmp_path / "list.jsonl", "--threads", 1, "--out")
    with subprocess.Popen(
        ml_command(*command, tmp_path / "killed"), cwd=REPOSITORY, stdout=subprocess.DEVNULL
    ) as child:
        while not list((tmp_path / "killed").glob("shard-*.npz")):
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").glob("shard-*.npz")}

    unfinished = run_ml("index", "--vectors", tmp_path / "killed", "--out", tmp_path / "index")
    assert unfinished.returncode == 1
    assert "are not finished" in _events(unfinished)[-1]["message"]

    resumed = run_ml(*command, tmp_path / "killed")
    whole = run_ml(*command, tmp_path / "whole")
    assert (resumed.returncode, whole.returncode) == (0, 0)
    assert _events(resumed)[0]["done"] > 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    killed, never_killed = read_vectors(tmp_path / "killed"), read_vectors(tmp_path / "whole")
    assert killed.vectors.tobytes() == never_killed.vectors.tobytes()
    assert killed.digests.tobytes() == never_killed.digests.tobytes()


def test_a_full_disk_is_called_so_and_what_is_stored_is_kept(
    pictures: MakePictures, tmp_path: Path, run_ml: Run
) -> None:
    write_list(tmp_path / "list.jsonl", pictures(200))
    command = ("embed", "--encoder", COLOUR_GRID, "--images", tmp_path / "list.jsonl", "--out", tmp_path / "v")
    refused = run_ml(*command, preexec_fn=_no_file_larger_than_30_kb)
    assert refused.returncode == 1
    assert _events(refused)[-1] == {
        "event": "error",
        "message": "The disk is full. Make room and run the same command again; what is stored already is kept.",
    }
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == ["encoder.json", "lock"]
    assert run_ml(*command).returncode == 0

    index = ("index", "--vectors", tmp_path / "v", "--out", tmp_path / "new" / "index")
    refused = run_ml(*index, preexec_fn=_no_file_larger_than_30_kb)
    assert refused.returncode == 1
    assert _events(refused)[-1]["message"].startswith("The disk is full.")
    assert list((tmp_path / "new").iterdir()) == []
    assert run_ml(*index).returncode == 0


def test_files_that_may_not_be_read_are_named_and_the_rest_goes_on(
    pictures: MakePictures, open_folder: Path, run_ml: Run
) -> None:
    images = pictures(3, folder=open_folder / "pictures")
    images[1].path.chmod(0o000)
    arguments = ("--encoder", COLOUR_GRID, "--images", open_folder / "pictures", "--out", open_folder / "v")
    answer = subprocess.run(
        [*as_nobody(), *ml_command("embed", *arguments)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == f"{images[1].path} may not be read (permission denied)\n"
    assert len(read_vectors(open_folder / "v").digests) == 2


def test_a_folder_that_may_not_be_written_to_is_named(pictures: MakePictures, open_folder: Path) -> None:
    pictures(1, folder=open_folder / "pictures")
    (open_folder / "closed").mkdir(mode=0o555)
    arguments = ("--encoder", COLOUR_GRID, "--images", open_folder / "pictures", "--out", open_folder / "closed" / "v")
    answer = subprocess.run(
        [*as_nobody(), *ml_command("embed", *arguments)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert _events(answer)[-1]["message"] == f"Permission denied ({open_folder}/closed/v)."


def test_a_child_ends_when_its_parent_lets_go_of_its_standard_input(pictures: MakePictures, tmp_path: Path) -> None:
    write_list(tmp_path / "list.jsonl", pictures(400))
    arguments = ("--encoder", SHIPPED, "--images", tmp_path / "list.jsonl", "--threads", 1, "--out", tmp_path / "v")
    command = ml_command("embed", *arguments)
    environment = os.environ | {"WINNOW_EXIT_WITH_STDIN": "1"}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert json.loads(child.stdout.readline())["done"] == 0
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(timeout=10) == 1
    assert not (tmp_path / "v" / "complete.npz").exists()


def test_nobody_is_told_that_winnow_runs(pictures: MakePictures, tmp_path: Path, run_ml: Run) -> None:
    # ONNX Runtime keeps an identifier of the machine for its telemetry in the home folder, where it has any.
    pictures(1)
    (tmp_path / "home").mkdir()
    unwanted = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "CI")
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    arguments = ("--encoder", COLOUR_GRID, "--images", tmp_path / "pictures", "--out", tmp_path / "v")
    answer = run_ml("embed", *arguments, env=environment | {"HOME": str(tmp_path / "home")})
    assert answer.returncode == 0
    assert list((tmp_path / "home").rglob("*")) == []


def test_two_runs_do_not_write_to_one_folder(pictures: MakePictures, tmp_path: Path, run_ml: Run) -> None:
    write_list(tmp_path / "list.jsonl", pictures(400))
    command = (
        "embed",
        "--encoder",
        SHIPPED,
        "--images",
        tmp_path / "list.jsonl",
        "--threads",
        1,
        "--out",
        tmp_path / "v",
    )
    with subprocess.Popen(ml_command(*command), cwd=REPOSITORY, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        second = run_ml(*command)
        first.kill()
    assert second.returncode == 1
    assert "Another process is writing" in _events(second)[-1]["message"]


@pytest.mark.parametrize(
    "encoder, images, sentence",
    [
        ("nowhere", ".", "is no encoder: it has no manifest.json"),
        (COLOUR_GRID, "nowhere", "No such file or directory (nowhere)"),
        (COLOUR_GRID, "empty", "There are no pictures in empty"),
        (COLOUR_GRID, COLOUR_GRID / "manifest.json", "Line 1 of"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_and_leaves_nothing(
    tmp_path: Path, encoder: object, images: object, sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    command = ml_command("embed", "--encoder", encoder, "--images", images, "--out", "v")
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stderr) == (1, "")
    assert sentence in _events(answer)[-1]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_one_flipped_byte_in_the_encoder_stops_it(tmp_path: Path, run_ml: Run) -> None:
    folder = Path(shutil.copytree(COLOUR_GRID, tmp_path / "encoder"))
    content = bytearray((folder / "encoder.onnx").read_bytes())
    content[100] ^= 1
    (folder / "encoder.onnx").write_bytes(content)
    answer = run_ml("embed", "--encoder", folder, "--images", tmp_path, "--out", tmp_path / "v")
    assert answer.returncode == 1
    assert "is damaged: encoder.onnx is not as it was written" in _events(answer)[-1]["message"]


@pytest.mark.parametrize(
    "arguments, named",
    [
        (("--images", "."), "--encoder"),
        (("--encoder", COLOUR_GRID, "--images", ".", "--out", "v", "--threads", "0"), "--threads"),
    ],
)
def test_wrong_usage_is_exit_code_two(run_ml: Run, arguments: tuple[object, ...], named: str) -> None:
    answer = run_ml("embed", *arguments)
    assert answer.returncode == 2
    assert named in answer.stderr


def test_a_reader_that_goes_away_gets_no_stack_trace(pictures: MakePictures, tmp_path: Path) -> None:
    pictures(50)
    command = ml_command("embed", "--encoder", COLOUR_GRID, "--images", tmp_path / "pictures", "--out", tmp_path / "v")
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.close()
        assert child.stderr is not None
        assert child.stderr.read() == b""
    assert child.returncode == 1


def test_text_for_people_keeps_errors_apart(tmp_path: Path, run_ml: Run) -> None:
    answer = run_ml("index", "--vectors", tmp_path, "--out", tmp_path / "index", "--progress", "text")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"{tmp_path} is no folder of vectors: it has no encoder.json.\n"


def test_progress_is_at_most_five_lines_a_second_and_ends_with_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    progress = JsonLines()
    began = time.monotonic()
    for done in range(1, 5001):
        progress.step("embed", done, 5000)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 2 + 5 * (time.monotonic() - began)
    assert json.loads(lines[-1]) == {"event": "progress", "phase": "embed", "done": 5000, "total": 5000}


def _events(answer: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.stdout.splitlines()]


def _no_file_larger_than_30_kb() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
