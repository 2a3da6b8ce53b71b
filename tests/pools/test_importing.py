"""What an import stores: identity by bytes, places by path, and nothing twice."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from sqlalchemy import func, select, text
from starlette.testclient import TestClient

from app.db import Database
from app.pools.images import images_page, originals_of
from app.pools.queries import PoolLine, create_pool, lost_images
from app.pools.thumbnails import ThumbnailStore
from app.settings import Settings
from app.tables import Image, ImagePath, Pool, PoolImage
from tests.conftest import both_databases, one_database
from tests.pools.conftest import Importer, everything
from tests.pools.pictures import save, write_bmp, write_cifar10, write_stl10
from tests.postgres import wait_until_held_up
from tests.seeded import seed_pool

pytestmark = one_database


def counts(importer: Importer, folder: Path) -> dict[str, int]:
    """Import and return the figures of the summary that are not zero."""
    return {name: count for name, count in asdict(importer(folder)).items() if count}


def paths(database: Database, pool: PoolLine) -> list[str]:
    with database.read() as session:
        return [image.path for image in images_page(session, pool_id=pool.id, limit=500)]


def lost(database: Database, pool: PoolLine) -> list[str]:
    with database.read() as session:
        return [line.path for line in lost_images(session, pool_id=pool.id, limit=500)]


def test_pictures_are_imported_in_the_order_of_their_names_and_other_files_are_ignored(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    for number, name in enumerate(["b.png", "a.JPG", "sub/d.webp", "sub/c.gif", "z.bmp", "e.tiff", ".hidden.png"]):
        save(folder / name, number)
    (folder / "notes.txt").write_text("no picture")
    save(folder / ".git/x.png", 99)

    assert counts(importer, folder) == {"new": 6, "ignored": 1}
    assert paths(database, pool) == ["a.JPG", "b.png", "e.tiff", "z.bmp", "sub/c.gif", "sub/d.webp"]


def test_an_unchanged_folder_changes_nothing_and_no_picture_of_it_is_read(
    importer: Importer, database: Database, folder: Path
) -> None:
    for number in range(5):
        save(folder / f"{number}.png", number)
    importer(folder)
    before = everything(database)
    for picture in folder.iterdir():
        status = picture.stat()
        picture.write_bytes(bytes(status.st_size))  # would be unreadable
        os.utime(picture, ns=(status.st_atime_ns, status.st_mtime_ns))

    assert counts(importer, folder) == {"known": 5}
    assert everything(database) == before


@both_databases
def test_duplicates_are_one_image_with_several_paths(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    first = save(folder / "a.png", 1)
    shutil.copy(first, folder / "b.png")
    shutil.copy(first, folder / "c.png")

    assert counts(importer, folder) == {"new": 1, "duplicates": 2}
    assert paths(database, pool) == ["a.png"]
    with database.read() as session:
        assert session.scalars(select(ImagePath.path).order_by(ImagePath.path)).all() == ["a.png", "b.png", "c.png"]


def test_a_removed_duplicate_is_forgotten_and_the_image_is_not_missing(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    shutil.copy(save(folder / "a.png", 1), folder / "b.png")
    importer(folder)
    (folder / "a.png").unlink()

    assert counts(importer, folder) == {"known": 1}
    assert paths(database, pool) == ["b.png"]


def test_a_moved_file_is_known_again_by_its_hash(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    save(folder / "a.png", 1)
    save(folder / "b.png", 2)
    importer(folder)
    (folder / "a.png").rename(folder / "moved.png")

    assert counts(importer, folder) == {"known": 1, "moved": 1}
    assert paths(database, pool) == ["moved.png", "b.png"]
    assert lost(database, pool) == []


def test_a_file_that_was_missing_and_turns_up_elsewhere_is_the_same_image(
    importer: Importer, database: Database, pool: PoolLine, folder: Path, tmp_path: Path
) -> None:
    save(folder / "stays.png", 1)
    away = save(folder / "a.png", 2).rename(tmp_path / "away.png")
    shutil.copy(away, folder / "a.png")
    importer(folder)
    (folder / "a.png").unlink()
    importer(folder)
    away.rename(folder / "found.png")

    assert counts(importer, folder) == {"known": 1, "moved": 1}
    assert paths(database, pool) == ["found.png", "stays.png"]


def test_a_missing_file_is_named_until_it_is_back(
    importer: Importer, database: Database, pool: PoolLine, folder: Path, tmp_path: Path
) -> None:
    save(folder / "a.png", 1)
    save(folder / "b.png", 2)
    importer(folder)
    (folder / "a.png").rename(tmp_path / "a.png")

    assert counts(importer, folder) == {"known": 1, "missing": 1}
    assert lost(database, pool) == ["a.png"]
    assert paths(database, pool) == ["a.png", "b.png"]
    since = everything(database)["image_path"]
    assert counts(importer, folder) == {"known": 1, "missing": 1}
    assert everything(database)["image_path"] == since

    (tmp_path / "a.png").rename(folder / "a.png")
    assert counts(importer, folder) == {"known": 2}
    assert lost(database, pool) == []


def test_a_replaced_file_is_another_image_and_the_one_before_is_missing(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    save(folder / "a.png", 1)
    importer(folder)
    save(folder / "a.png", 2)

    assert counts(importer, folder) == {"new": 1, "missing": 1}
    assert paths(database, pool) == ["a.png", "a.png"]
    assert lost(database, pool) == ["a.png"]
    save(folder / "a.png", 1)
    assert counts(importer, folder) == {"known": 1, "missing": 1}


def test_files_that_swap_their_names_stay_two_images(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    save(folder / "a.png", 1)
    save(folder / "b.png", 2)
    importer(folder)
    (folder / "a.png").rename(folder / "c.png")
    (folder / "b.png").rename(folder / "a.png")
    (folder / "c.png").rename(folder / "b.png")
    os.utime(folder / "a.png", (1, 1))
    os.utime(folder / "b.png", (1, 1))

    assert counts(importer, folder) == {"moved": 2}
    assert paths(database, pool) == ["b.png", "a.png"]
    assert lost(database, pool) == []


def test_a_touched_file_is_read_again_and_known(importer: Importer, folder: Path) -> None:
    os.utime(save(folder / "a.png", 1), (1, 1))
    importer(folder)
    os.utime(folder / "a.png", (2, 2))
    assert counts(importer, folder) == {"known": 1}


@both_databases
def test_a_file_that_becomes_readable_is_no_longer_listed(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    save(folder / "a.png", 1)
    (folder / "b.png").write_bytes(b"")
    (folder / "c.png").write_bytes(b"")
    assert counts(importer, folder) == {"new": 1, "unreadable": 2}
    before = everything(database)
    assert counts(importer, folder) == {"known": 1, "unreadable": 2}
    assert everything(database) == before

    save(folder / "b.png", 2)
    (folder / "c.png").unlink()
    assert counts(importer, folder) == {"new": 1, "known": 1}


@both_databases
def test_a_file_that_becomes_unreadable_is_listed_and_its_image_is_missing(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    save(folder / "a.png", 1)
    importer(folder)
    (folder / "a.png").write_bytes(b"")

    assert counts(importer, folder) == {"unreadable": 1, "missing": 1}
    assert lost(database, pool) == ["a.png"]


@both_databases
def test_an_image_in_two_pools_is_stored_once(
    importer: Importer, database: Database, pool: PoolLine, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(save(folder / "a.png", 1), save(tmp_path / "other" / "b.png", 2))
    with database.write() as session:
        other = create_pool(session, name="other")
    importer(folder)

    assert importer(tmp_path / "other", pool=other).new == 1
    assert paths(database, other) == ["b.png"]
    with database.read() as session:
        assert session.scalar(select(func.count(Image.id))) == 1
        assert session.scalar(select(func.count()).select_from(PoolImage)) == 2
    (folder / "a.png").unlink()
    save(folder / "z.png", 3)
    assert counts(importer, folder) == {"new": 1}, "its bytes still lie in the other pool's folder"


@both_databases
def test_the_size_is_that_of_the_upright_picture(importer: Importer, database: Database, folder: Path) -> None:
    exif = Picture.Exif()
    exif[0x0112] = 6
    for name, size in {"a.jpg": (40, 30), "b.jpg": (4400, 3300)}.items():
        Picture.new("RGB", size, "green").save(folder / name, exif=exif)
    importer(folder, max_pixels=100_000_000)
    with database.read() as session:
        sizes = session.execute(select(Image.width, Image.height).order_by(Image.id)).all()
    assert [tuple(size) for size in sizes] == [(30, 40), (3300, 4400)]


def test_stl10_files_are_imported_record_by_record_with_their_labels(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    write_stl10(folder, "train", 3, labels=[1, 10, 1], seed=1)
    write_stl10(folder, "unlabeled", 2, seed=2)

    assert counts(importer, folder) == {"new": 5, "ignored": 1}
    assert paths(database, pool) == [
        "train_X.bin#0", "train_X.bin#1", "train_X.bin#2", "unlabeled_X.bin#0", "unlabeled_X.bin#1",
    ]  # fmt: skip
    with database.read() as session:
        images = images_page(session, pool_id=pool.id, limit=5)
        original = originals_of(session, image_id=images[1].id)[0]
    assert importer.labelled == {"airplane": [images[0].id, images[2].id], "truck": [images[1].id]}
    assert (original.file, original.record) == ("train_X.bin", 1)
    assert counts(importer, folder) == {"known": 5, "ignored": 1}
    assert len(importer.labelled["airplane"]) == 2, "known pictures are not labelled again"


def test_cifar10_files_are_imported_record_by_record_with_their_labels(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    write_cifar10(folder, "data_batch_1", [3, 5])

    assert counts(importer, folder) == {"new": 2}
    with database.read() as session:
        first, second = images_page(session, pool_id=pool.id, limit=5)
        stored = session.scalars(select(Image).order_by(Image.id)).all()
    assert (first.path, second.path) == ("data_batch_1.bin#0", "data_batch_1.bin#1")
    assert importer.labelled == {"cat": [first.id], "dog": [second.id]}
    assert [(image.width, image.height, image.format) for image in stored] == [(32, 32, "CIFAR10")] * 2


@both_databases
def test_labels_are_stored_together_with_their_images_or_not_at_all(
    importer: Importer, database: Database, folder: Path
) -> None:
    write_stl10(folder, "train", 2, labels=[1, 2])

    def fail(*_: object) -> None:
        raise RuntimeError

    importer._remember = fail  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        importer(folder)
    assert everything(database)["image"] == []


def test_lost_thumbnails_are_made_anew(importer: Importer, database: Database, folder: Path) -> None:
    save(folder / "a.png", 1)
    importer(folder)
    before = everything(database)
    shutil.rmtree(importer.thumbnails.root)

    assert counts(importer, folder) == {"known": 1}
    assert importer.thumbnails.has(before["image"][0][1])
    assert everything(database) == before


def test_winnows_own_thumbnails_are_never_imported(importer: Importer, folder: Path) -> None:
    importer.thumbnails = ThumbnailStore(folder / "home" / "thumbnails")
    save(folder / "a.png", 1)
    assert counts(importer, folder) == {"new": 1}
    assert counts(importer, folder) == {"known": 1}


@both_databases
@pytest.mark.parametrize("same_folder", [True, False])
def test_two_imports_at_once_store_each_image_once(
    importer: Importer, database: Database, folder: Path, tmp_path: Path, same_folder: bool
) -> None:
    for number in range(700):
        write_bmp(folder / f"{number:03}.bmp", number)
    other = folder if same_folder else tmp_path / "other"
    if not same_folder:
        other.mkdir()
        for number in range(700):
            write_bmp(other / f"{999 - number}.bmp", number)
    with ThreadPoolExecutor(2) as both:
        list(both.map(importer, [folder, other]))
    rows = everything(database)
    assert len(rows["image"]) == len(rows["pool_image"]) == 700
    assert len(rows["image_path"]) == (700 if same_folder else 1400)


@pytest.mark.databases("postgresql")
def test_while_an_import_waits_for_its_pool_reviews_of_another_one_begin(
    importer: Importer, settings: Settings, database: Database, folder: Path, client: TestClient
) -> None:
    other = seed_pool(settings, database, vectors=np.eye(4, dtype=np.float32), name="other")
    with database.write() as session:
        held = create_pool(session, name="held")
    save(folder / "a.png", 1)
    with ThreadPoolExecutor(1) as beside:
        with database.write() as session:
            # As whoever changes its rule does, for as long as that takes.
            session.execute(select(Pool.id).where(Pool.id == held.id).with_for_update())
            importing = beside.submit(importer, folder, pool=held)
            wait_until_held_up(database)
            body = {"class": "owl", "query": {"images": other.images[:1]}}
            assert client.post("/api/v1/pools/other/reviews", json=body).status_code == 201
        assert importing.result().new == 1


def test_ten_thousand_files_in_one_folder_are_imported_with_progress(importer: Importer, folder: Path) -> None:
    for number in range(10_000):
        write_bmp(folder / f"{number:05}.bmp", number)
    assert counts(importer, folder) == {"new": 10_000}
    phases = [phase for phase, _, _ in importer.reports]
    assert (
        phases
        == sorted(phases, reverse=True)
        == ["looking"] * phases.count("looking") + ["importing"] * phases.count("importing")
    )
    assert importer.reports[-1] == ("importing", 10_000, 10_000)
    done = [done for phase, done, _ in importer.reports if phase == "importing"]
    assert done == sorted(done)
    assert len(done) < 200, "a report now and then, not one for each picture"


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_after_an_import_postgresql_knows_how_much_came(importer: Importer, database: Database, folder: Path) -> None:
    known = text("SELECT reltuples FROM pg_class WHERE relname = 'image_path'")
    for number in range(3):
        save(folder / f"{number}.png", number)
        importer(folder)
        with database.read() as session:
            assert session.execute(known).scalar_one() == number + 1
