"""Pools of small generated pictures, and eyes for child processes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.db import Database
from app.jobs import lifecycle
from app.jobs.imports import import_here
from app.jobs.work import Perform, Result, do_now
from app.pools.queries import create_pool
from app.settings import Settings
from tests.ml.colour_grid import FOLDER as COLOUR_GRID


def write_pictures(folder: Path, count: int, seed: int = 0) -> Path:
    """Fill a folder with coloured stripes, each picture another one."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        stripes = random.integers(0, 256, (1, 8, 3), dtype=np.uint8).repeat(8, axis=1).repeat(64, axis=0)
        Image.fromarray(stripes).save(folder / f"{number:04}.png")
    return folder


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings by which pools are indexed by a quick encoder: to load the one that comes along takes a second."""
    shutil.copytree(COLOUR_GRID, settings.home / "encoders" / "colour-grid")
    return settings.model_copy(update={"encoder": "colour-grid"})


@dataclass(frozen=True)
class ImportedPool:
    id: int
    name: str
    folder: Path


@pytest.fixture
def imported(settings: Settings, database: Database, tmp_path: Path) -> Callable[..., ImportedPool]:
    """Make a pool of so many pictures."""

    def make(count: int, name: str = "stripes") -> ImportedPool:
        folder = write_pictures(tmp_path / name, count)
        with database.write() as session:
            pool_id = create_pool(session, name=name).id
        import_here(database, settings, pool_id=pool_id, folder=folder, report=lambda *_: None)
        return ImportedPool(pool_id, name, folder)

    return make


@pytest.fixture
def do(settings: Settings, database: Database) -> Callable[..., Result]:
    """Do a job in this process."""

    def do(perform: Perform, pool: ImportedPool, **arguments: object) -> Result:
        return do_now(
            database,
            settings,
            kind=lifecycle.REINDEX,
            pool_id=pool.id,
            arguments=arguments,
            perform=perform,
            watch=lambda _: None,
            say=print,
        )

    return do


def wait_for(condition: Callable[[], object], *, within_s: float = 60) -> None:
    """Return as soon as the condition holds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def processes_that_name(text: str) -> list[int]:
    """The ids of living processes with this text in their command."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (OSError, ValueError):
            continue
        if process.name.isdecimal() and text in command:
            found.append(int(process.name))
    return found
