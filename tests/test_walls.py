"""The walls between the rooms stand, and what serves pages stays light."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

TRAINERS = {"torch", "torchvision", "lightly", "pytorch_lightning", "onnx", "onnxscript"}
HEAVY = {"sklearn", "scipy", "pacmap", "openTSNE", "numba"}


def test_the_walls_stand() -> None:
    report = lint_imports(REPOSITORY)
    assert report.returncode == 0, report.stdout


@pytest.mark.parametrize(
    ("module", "door", "wall"),
    [
        ("app/pools/folders.py", "import app.jobs.queries", "go down only"),
        ("app/jobs/queries.py", "import app.review.queries", "rooms on one floor do not see each other"),
        ("app/jobs/reindex.py", "import ml.index", "app sees ml through five windows"),
        ("ml/index.py", "import app.settings", "ml never sees app"),
        ("ml/encoder.py", "import torch", "app never reaches the trainers"),
        ("app/review/decisions.py", "import sqlalchemy", "are pure"),
        ("app/search/served_index.py", "import app.tables", "search knows no database"),
        ("ml/images.py", "import onnxruntime", "stays light"),
    ],
)
def test_a_door_broken_into_a_wall_is_noticed(module: str, door: str, wall: str, tmp_path: Path) -> None:
    house = tmp_path / "house"
    for room in ("app", "ml"):
        shutil.copytree(REPOSITORY / room, house / room, ignore=shutil.ignore_patterns("__pycache__", "encoders"))
    shutil.copy(REPOSITORY / "pyproject.toml", house)
    with (house / module).open("a") as file:
        file.write(f"\n{door}\n")
    report = lint_imports(house)
    assert report.returncode == 1
    broken = [line for line in report.stdout.splitlines() if " BROKEN" in line]
    assert any(wall in line for line in broken), report.stdout


@pytest.mark.parametrize("module", ["app.main", "app.cli.serving", "ml.__main__", "ml.encoder"])
def test_what_serves_pages_loads_neither_trainers_nor_other_heavy_libraries(module: str) -> None:
    script = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert not set(loaded.stdout.split()) & (TRAINERS | HEAVY)


def lint_imports(house: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    # Ahead of the installed project: the house that is asked about.
    environment = {**os.environ, "PYTHONPATH": str(house), "COLUMNS": "200"}
    return subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)
