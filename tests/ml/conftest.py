"""Fixtures for vectors: encoders, pictures, and the command line as a process of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.__main__ import main
from ml.encoder import Encoder
from ml.images import ListedImage
from tests.ml.colour_grid import FOLDER as COLOUR_GRID

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "ml" / "encoders" / "simclr-resnet18-96"

MakePictures = Callable[..., list[ListedImage]]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def colour_grid() -> Encoder:
    """The quick little encoder: 48 dimensions, black gives zeros."""
    return Encoder.open(COLOUR_GRID, threads=1)


@pytest.fixture(scope="session")
def shipped() -> Encoder:
    """The encoder that comes with Winnow."""
    return Encoder.open(SHIPPED, threads=1)


@pytest.fixture
def pictures(tmp_path: Path) -> MakePictures:
    """Make so many distinct pictures in a folder, and list them."""

    def make(count: int, *, folder: Path = tmp_path / "pictures", side: int = 40) -> list[ListedImage]:
        folder.mkdir(exist_ok=True)
        return [listed(_picture(folder / f"{number:04}.png", number, side)) for number in range(count)]

    return make


@pytest.fixture
def run_ml() -> Run:
    """Run `python -m ml …` to its end."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = ml_command(*arguments)
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd=REPOSITORY, **options)

    return run


@pytest.fixture
def ml(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the same in this process, where torch is loaded already."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        code = main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


def ml_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "ml", *map(str, arguments)]


def listed(path: Path) -> ListedImage:
    return ListedImage(hashlib.sha256(path.read_bytes()).hexdigest(), path)


def _picture(path: Path, number: int, side: int) -> Path:
    colours = np.random.default_rng(number).integers(1, 256, (5, 5, 3), dtype=np.uint8)
    Image.fromarray(colours).resize((side, side), Image.Resampling.BICUBIC).save(path)
    return path


def as_nobody() -> list[str]:
    """Return what to put before a command so that permissions count, also for those who run tests as root."""
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
