"""Imports that are killed, run out of room, or may not read: nothing half-done stays, and a second run goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.db import Database
from app.migrations import upgrade
from app.pools.queries import PoolLine, create_pool, unreadable_files
from app.pools.thumbnails import ThumbnailStore
from app.settings import PROJECT, Settings
from tests.pools.conftest import Importer, everything
from tests.pools.import_process import NOBODY
from tests.pools.pictures import noise, save, write_bmp

MORE_THAN_A_BATCH = 800


def run(**arguments: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.pools.import_process", json.dumps(arguments)]
    return subprocess.run(command, check=False, cwd=PROJECT, capture_output=True, text=True, timeout=120)


@pytest.fixture
def arguments(settings: Settings, pool: PoolLine, folder: Path) -> dict[str, Any]:
    return {
        "database_url": settings.database,
        "thumbnails": str(settings.thumbnails),
        "pool_id": pool.id,
        "folder": str(folder),
    }


def test_an_import_that_is_killed_keeps_its_batches_and_the_next_one_does_only_what_is_left(
    importer: Importer, database: Database, folder: Path, arguments: dict[str, Any]
) -> None:
    for number in range(MORE_THAN_A_BATCH):
        write_bmp(folder / f"{number:03}.bmp", number)
    # Two transactions begin an import, then each batch is one: this dies with the second batch written, not committed.
    assert run(**arguments, die_at_commit=4).returncode == -9
    kept = len(everything(database)["image"])
    assert 0 < kept < MORE_THAN_A_BATCH

    summary = importer(folder)
    assert (summary.known, summary.new) == (kept, MORE_THAN_A_BATCH - kept)
    rows = everything(database)
    assert len(rows["image"]) == len(rows["pool_image"]) == len(rows["image_path"]) == MORE_THAN_A_BATCH
    assert all(importer.thumbnails.has(row[1]) for row in rows["image"])


def test_a_full_disk_stops_the_import_with_a_sentence_and_leaves_no_half_written_thumbnail(
    importer: Importer, database: Database, thumbnails: ThumbnailStore, folder: Path, arguments: dict[str, Any]
) -> None:
    for number in range(MORE_THAN_A_BATCH):
        write_bmp(folder / f"{number:03}.bmp", number)
    save(folder / "large.png", 1, size=(1024, 1024))
    large = len(encoded(noise(1, (1024, 1024))))
    database_file = folder.parent / "home" / "winnow.db"
    room = max(large // 2, 2 * database_file.stat().st_size if database_file.exists() else 0)
    assert room < large, "the limit has to let the database grow, but not this thumbnail"

    stopped = run(**arguments, largest_file=room)
    assert json.loads(stopped.stdout) == {
        "sentence": "The disk is full; make room and import the folder again, it goes on where it stopped.",
        "status": 507,
    }
    kept = len(everything(database)["image"])
    assert 0 < kept <= MORE_THAN_A_BATCH
    assert list(thumbnails.root.glob("drafts/*")) == []
    assert list(thumbnails.root.glob("1024/**/*.webp")) == []
    assert importer(folder, max_pixels=2_000_000).new == MORE_THAN_A_BATCH + 1 - kept


def encoded(picture: Any) -> bytes:
    store = ThumbnailStore(Path(tempfile.mkdtemp()))
    store.put("ab", picture)
    return store.read("ab", 1024) or b""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="winnow-public-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def public_arguments(public_folder: Path) -> dict[str, Any]:
    """An import that an unprivileged user runs, into a database of that user's own."""
    home = public_folder / "home"
    home.mkdir()
    url = f"sqlite:///{home / 'winnow.db'}"
    database = Database(url)
    upgrade(database)
    with database.write() as session:
        pool_id = create_pool(session, name="birds").id
    database.dispose()
    if os.getuid() == 0:
        for path in (home, *home.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    return {
        "database_url": url,
        "thumbnails": str(home / "thumbnails"),
        "pool_id": pool_id,
        "folder": str(public_folder / "pictures"),
        "as_nobody": os.getuid() == 0,
    }


def test_what_may_not_be_read_is_listed_and_the_rest_goes_on(
    public_folder: Path, public_arguments: dict[str, Any]
) -> None:
    pictures = public_folder / "pictures"
    save(pictures / "good.png", 1)
    save(pictures / "secret.png", 2).chmod(0)
    save(pictures / "shut" / "c.png", 3)
    (pictures / "shut").chmod(0)
    save(pictures / "listed" / "d.png", 4)
    (pictures / "listed").chmod(0o444)

    ended = run(**public_arguments)
    for shut in ("shut", "listed"):
        (pictures / shut).chmod(0o755)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["summary"] | {"known": 0} == {
        "new": 1, "known": 0, "duplicates": 0, "moved": 0, "unreadable": 3, "missing": 0, "ignored": 0,
    }  # fmt: skip
    database = Database(public_arguments["database_url"])
    with database.read() as session:
        listed = unreadable_files(session, pool_id=public_arguments["pool_id"], limit=10)
    database.dispose()
    assert {line.path: line.reason for line in listed} == {
        "secret.png": "may not be read (permission denied)",
        "shut": "is a folder that cannot be opened (permission denied)",
        "listed/d.png": "cannot be looked at (permission denied)",
    }


def test_a_folder_that_may_not_be_read_is_refused(public_folder: Path, public_arguments: dict[str, Any]) -> None:
    pictures = public_folder / "pictures"
    save(pictures / "a.png", 1)
    pictures.chmod(0)
    ended = run(**public_arguments)
    pictures.chmod(0o755)
    assert json.loads(ended.stdout) == {
        "sentence": f"The folder “{pictures}” may not be read (permission denied).",
        "status": 422,
    }


def test_thumbnails_that_may_not_be_written_stop_the_import_with_a_sentence(
    public_folder: Path, public_arguments: dict[str, Any]
) -> None:
    save(public_folder / "pictures" / "a.png", 1)
    shut = public_folder / "shut"
    shut.mkdir(mode=0o555)
    ended = run(**public_arguments | {"thumbnails": str(shut / "thumbnails")})
    assert json.loads(ended.stdout) == {
        "sentence": "The thumbnails cannot be written; see that Winnow may write in its home folder.",
        "status": 500,
    }
