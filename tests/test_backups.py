"""Backups are taken while people label, and what comes back is what was true at one moment."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.cli.backups import (
    BackupFailed,
    HomeNotEmpty,
    NoBackup,
    OtherDatabase,
    StillRunning,
    back_up,
    bring_back,
)
from app.db import Database
from app.main import create_app
from app.migrations import upgrade
from app.settings import Settings
from app.tables import Commit, Image, Label, Verdict
from tests.conftest import HERE
from tests.seeded import SeededPool, seed_pool, two_heaps

SIZE = 5

on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(100, 500))


def elsewhere(settings: Settings, tmp_path: Path) -> Settings:
    """Settings of another home, with the same kind of database."""
    return settings.model_copy(update={"home": tmp_path / "other home"})


def start_review(client: TestClient, pool: SeededPool) -> int:
    answer = client.post("/api/v1/pools/birds/reviews", json={"class": "owl", "query": {"images": pool.images[:1]}})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def commit_a_page(client: TestClient, review: int) -> int:
    """Commit the next page and return the commit's id."""
    page: dict[str, Any] = client.post(f"/api/v1/reviews/{review}/pages", json={"size": SIZE, "plant": False}).json()
    answer = client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": [page["candidates"][0]["image"]]})
    assert answer.status_code == 200, answer.text
    return int(answer.json()["commit"])


@on_sqlite
def test_a_backup_while_people_label_holds_the_first_so_many_commits_whole(
    settings: Settings, database: Database, client: TestClient, pool: SeededPool, tmp_path: Path
) -> None:
    review = start_review(client, pool)
    acknowledged = [commit_a_page(client, review) for _ in range(3)]
    over = threading.Event()

    def label() -> None:
        while not over.is_set():
            acknowledged.append(commit_a_page(client, review))

    labelling = threading.Thread(target=label)
    labelling.start()
    try:
        before = len(acknowledged)
        back_up(database, settings, tmp_path / "backup")
    finally:
        over.set()
        labelling.join()

    other = elsewhere(settings, tmp_path)
    assert bring_back(other, tmp_path / "backup") is None
    restored = Database(other.database)
    with restored.read() as session:
        held = list(session.scalars(select(Commit.id).order_by(Commit.id)))
        assert held == acknowledged[: len(held)]
        assert len(held) >= before
        counts = session.scalars(select(func.count()).select_from(Verdict).group_by(Verdict.commit_id))
        assert list(counts) == [SIZE] * len(held)
        assert session.scalar(select(func.count()).select_from(Label)) == SIZE * len(held)
    restored.dispose()
    with TestClient(create_app(other), base_url="http://localhost", client=HERE) as again:
        commit_a_page(again, review)
        start_review(again, pool)


@on_sqlite
def test_what_is_there_is_put_aside_only_if_that_is_wanted(
    settings: Settings, database: Database, client: TestClient, pool: SeededPool, tmp_path: Path
) -> None:
    review = start_review(client, pool)
    commit_a_page(client, review)
    back_up(database, settings, tmp_path / "backup")
    commit_a_page(client, review)
    with pytest.raises(HomeNotEmpty):
        bring_back(settings, tmp_path / "backup")
    with pytest.raises(StillRunning, match="stop it first"):
        bring_back(settings, tmp_path / "backup", replace=True)
    client.app.state.database.dispose()  # type: ignore[attr-defined]
    database.dispose()
    aside = bring_back(settings, tmp_path / "backup", replace=True)
    assert aside is not None
    for home, commits in ((settings.home, 1), (aside, 2)):
        held = Database(f"sqlite:///{home / 'winnow.db'}")
        with held.read() as session:
            assert session.scalar(select(func.count()).select_from(Commit)) == commits
        held.dispose()
        assert (home / "indexes" / "birds-1" / "index.faiss").exists()
    assert [path.name for path in settings.home.iterdir() if path.name.startswith(".")] == []


@on_sqlite
def test_a_database_on_another_file_system_comes_back(settings: Settings, tmp_path: Path) -> None:
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as other:
        if Path(other).stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("one file system only")
        apart = settings.model_copy(update={"database_url": f"sqlite:///{other}/winnow.db"})
        database = Database(apart.database)
        upgrade(database)
        seed_pool(apart, database, vectors=two_heaps(6, 6))
        back_up(database, apart, tmp_path / "backup")
        database.dispose()
        aside = bring_back(apart, tmp_path / "backup", replace=True)
        assert aside is not None
        assert [file.name for file in Path(other).iterdir()] == ["winnow.db"]
        for file in (Path(other) / "winnow.db", aside / "winnow.db"):
            held = Database(f"sqlite:///{file}")
            with held.read() as session:
                assert session.scalar(select(func.count()).select_from(Image)) == 12
            held.dispose()
        assert (apart.home / "indexes" / "birds-1" / "index.faiss").exists()


@on_sqlite
def test_a_damaged_backup_changes_nothing(
    settings: Settings, database: Database, pool: SeededPool, tmp_path: Path
) -> None:
    back_up(database, settings, tmp_path / "backup")
    with pytest.raises(BackupFailed, match="already"):
        back_up(database, settings, tmp_path / "backup")
    with (tmp_path / "backup" / "indexes" / "birds-1" / "images.npy").open("r+b") as file:
        file.seek(200)
        file.write(b"other bytes")
    other = elsewhere(settings, tmp_path)
    for folder in (tmp_path / "backup", tmp_path / "nope"):
        with pytest.raises(NoBackup):
            bring_back(other, folder)
    assert list(other.home.iterdir()) == []


@on_postgresql
def test_of_postgresql_all_but_the_database_is_kept(
    settings: Settings, database: Database, pool: SeededPool, tmp_path: Path
) -> None:
    (settings.home / "uploads" / "ab").mkdir(parents=True)
    (settings.home / "uploads" / "ab" / "abcd").write_bytes(b"a picture")
    manifest = back_up(database, settings, tmp_path / "backup")
    assert "winnow.db" not in manifest.files
    other = elsewhere(settings, tmp_path)
    bring_back(other, tmp_path / "backup")
    assert (other.home / "uploads" / "ab" / "abcd").read_bytes() == b"a picture"
    assert (other.home / "indexes" / "birds-1" / "index.faiss").exists()
    with pytest.raises(OtherDatabase):
        bring_back(Settings(home=tmp_path / "third", database_url=""), tmp_path / "backup")
