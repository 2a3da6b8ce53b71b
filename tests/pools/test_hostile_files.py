"""Broken and hostile files, through the upload of a review's query and through the import of a folder."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from app.db import Database
from app.pools.queries import PoolLine, unreadable_files
from app.settings import PROJECT, Settings
from tests.conftest import one_database
from tests.pools.hostile import files, lay_out
from tests.pools.pictures import save
from tests.review.originals import pool_of_the_shipped_encoder

IMPORT_WITHIN_S = 240
# Beyond what a process has that imports one small picture: two pictures of 25 million pixels at once, and their files.
MOST_MEMORY_MB = 400


@pytest.fixture(scope="module")
def hostile() -> dict[str, bytes]:
    return files()


def test_there_are_more_than_a_hundred_kinds(hostile: dict[str, bytes]) -> None:
    assert len(set(hostile.values())) == len(hostile) >= 150


@one_database
def test_an_upload_is_used_as_a_picture_or_answered_with_a_sentence(
    settings: Settings, database: Database, client: TestClient, hostile: dict[str, bytes]
) -> None:
    pool_of_the_shipped_encoder(settings, database)
    used = []
    for name, data in hostile.items():
        answer = client.post("/api/v1/pools/birds/reviews", data={"class": "owl"}, files={"upload": (name, data)})
        assert answer.status_code in {201, 415, 422}, f"{name}: {answer.text}"
        if answer.status_code == 201:
            used.append(name)
            [upload] = answer.json()["query"]["uploads"]
            shown = client.get(f"/api/v1/images/{upload}/thumbnail")
            assert shown.headers["Content-Type"] == "image/webp", name
            with Image.open(io.BytesIO(shown.content), formats=["WEBP"]) as thumbnail:
                thumbnail.load()
        else:
            assert answer.headers["Content-Type"] == "application/problem+json", name
            assert answer.json()["detail"].endswith("."), name
            assert str(settings.home) not in answer.text, name
    # Whole pictures stay whole, whatever hangs on them; bombs and disguises are never pictures.
    assert {"picture-and-script.gif", "picture-and-archive.png", "orientation-9.jpg", "colours-CMYK.jpg"} <= set(used)
    assert not [name for name in used if name.startswith(("bomb-header", "bomb-scans", "foreign-", "noise"))]


@one_database
def test_a_folder_of_them_is_imported_within_bounds_and_the_rest_is_listed(
    settings: Settings, database: Database, pool: PoolLine, folder: Path, tmp_path: Path, hostile: dict[str, bytes]
) -> None:
    plain = tmp_path / "plain"
    save(plain / "a.png", 1)
    least = imported(settings, database, pool, plain)
    lay_out(folder, outside=save(tmp_path / "outside.png", 2))
    told = imported(settings, database, pool, folder)
    assert told["memory_mb"] - least["memory_mb"] < MOST_MEMORY_MB
    with database.read() as session:
        listed = {line.path: line.reason for line in unreadable_files(session, pool_id=pool.id, limit=500)}
    summary = told["summary"]
    # Every file is a picture, the same as another one, or listed with its reason.
    on_disk = [entry for entry in folder.rglob("*") if not entry.is_dir()]
    assert summary["new"] + summary["duplicates"] + len(listed) == len(on_disk)
    assert summary["unreadable"] == len(listed)
    assert {
        "passwd.png": "is a link that leads out of the folder",
        "zero.png": "is a link that leads out of the folder",
        "outside.png": "is a link that leads out of the folder",
        "loop-1.png": "is a link to nowhere",
        "pipe.jpg": "is not a file",
        "hole-10-gib.jpg": "has more than 1,073,741,824 bytes",
        "hole-900-mib.jpg": "is not a picture in JPEG, PNG, WebP, GIF, BMP or TIFF",
        "postscript.jpg": "is not a picture in JPEG, PNG, WebP, GIF, BMP or TIFF",
        "bomb-scans.jpg": "has more than 100 scans",
    }.items() <= listed.items()


def imported(settings: Settings, database: Database, pool: PoolLine, folder: Path) -> dict[str, Any]:
    """Import a folder in a process of its own and return what it printed."""
    arguments = {
        "database_url": settings.database,
        "thumbnails": str(settings.thumbnails),
        "pool_id": pool.id,
        "folder": str(folder),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "tests.pools.import_process", json.dumps(arguments)],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=IMPORT_WITHIN_S,
        check=True,
    )
    told: dict[str, Any] = json.loads(ended.stdout)
    return told
