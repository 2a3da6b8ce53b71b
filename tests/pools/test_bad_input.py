"""Bad files and bad folders: each gets its sentence, and the rest goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.db import Database
from app.pools.errors import FolderNotAllowed, FolderUnusable, NoPictures
from app.pools.folders import allowed_folder
from app.pools.images import images_page
from app.pools.queries import PoolLine, unreadable_files
from tests.conftest import both_databases, one_database
from tests.pools.conftest import Importer, everything
from tests.pools.pictures import save, write_bomb, write_stl10

pytestmark = one_database


def reasons(database: Database, pool: PoolLine) -> dict[str, str]:
    with database.read() as session:
        return {line.path: line.reason for line in unreadable_files(session, pool_id=pool.id, limit=500)}


@both_databases
def test_each_file_that_cannot_be_read_is_listed_with_its_reason_and_the_rest_goes_on(
    importer: Importer, database: Database, pool: PoolLine, folder: Path, tmp_path: Path
) -> None:
    save(folder / "good.png", 1)
    (folder / "text.jpg").write_text("This is a text.")
    (folder / "empty.png").touch()
    whole = save(tmp_path / "whole.jpg", 2, size=(200, 200)).read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    write_bomb(folder / "bomb.png", 30_000)
    os.mkfifo(folder / "pipe.png")
    (folder / "nowhere.png").symlink_to(folder / "not-there.png")
    (folder / "outside.png").symlink_to(save(tmp_path / "outside.png", 3))
    (folder / "outside").symlink_to(tmp_path)
    write_stl10(folder, "test", 2)
    with (folder / "test_X.bin").open("ab") as file:
        file.write(b"more")
    (folder / os.fsdecode(b"caf\xe9.png")).write_bytes(whole)

    summary = importer(folder)

    assert (summary.new, summary.unreadable) == (1, 10)
    assert reasons(database, pool) == {
        "text.jpg": "is not a picture in JPEG, PNG, WebP, GIF, BMP or TIFF",
        "empty.png": "is empty",
        "cut.jpg": "is truncated",
        "bomb.png": "has 30000 x 30000 pixels, more than the 1,000,000 allowed",
        "pipe.png": "is not a file",
        "nowhere.png": "is a link to nowhere",
        "outside.png": "is a link that leads out of the folder",
        "outside": "is a link that leads out of the folder",
        "test_X.bin": "is truncated: 55,300 bytes are no whole number of pictures of 27,648 bytes",
        r"caf\xe9.png": "has a name that is not in UTF-8; rename it",
    }


def test_a_link_within_the_folder_is_a_duplicate(importer: Importer, folder: Path) -> None:
    (folder / "b.png").symlink_to(save(folder / "a.png", 1))
    (folder / "loop").symlink_to(folder)
    summary = importer(folder)
    assert (summary.new, summary.duplicates, summary.unreadable) == (1, 1, 0)


@both_databases
def test_odd_names_are_kept_as_they_are(importer: Importer, database: Database, pool: PoolLine, folder: Path) -> None:
    names = ["=1+1.png", "a\nb.png", "it's “quoted”\".png", "ünï.png", "🦜 parrot.png", "100%_#.png"]
    for number, name in enumerate(names):
        save(folder / name, number)
    assert importer(folder).new == len(names)
    with database.read() as session:
        assert [image.path for image in images_page(session, pool_id=pool.id, limit=10)] == sorted(names)
        found = images_page(session, pool_id=pool.id, limit=10, path="%_")
    assert [image.path for image in found] == ["100%_#.png"]


def test_a_path_too_long_for_the_database_is_listed(
    importer: Importer, database: Database, pool: PoolLine, folder: Path
) -> None:
    save(folder / "a.png", 1)
    deep = folder
    for _ in range(9):
        deep = deep / ("x" * 250)
    deep.mkdir(parents=True)
    (deep / "b.png").write_bytes((folder / "a.png").read_bytes())
    assert importer(folder).unreadable == 1
    assert list(reasons(database, pool).values()) == ["has a path of more than 2,000 bytes"]


def test_a_folder_without_pictures_is_refused_and_nothing_is_stored(
    importer: Importer, database: Database, folder: Path
) -> None:
    (folder / "notes.txt").write_text("no picture")
    before = everything(database)
    with pytest.raises(NoPictures, match=f"The folder “{folder}” holds no pictures."):
        importer(folder)
    assert everything(database) == before


def test_a_folder_that_was_emptied_does_not_make_its_images_missing(
    importer: Importer, database: Database, folder: Path
) -> None:
    picture = save(folder / "a.png", 1)
    importer(folder)
    before = everything(database)
    picture.unlink()
    with pytest.raises(NoPictures):
        importer(folder)
    assert everything(database) == before, "more likely its disk is not mounted"


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("nowhere", "There is no folder “{}”."),
        ("file.png", "“{}” is not a folder."),
        ("x" * 300, "The folder “{}” cannot be read (File name too long)."),
    ],
)
def test_a_folder_that_cannot_be_read_is_called_as_it_was_typed(
    importer: Importer, folder: Path, name: str, sentence: str
) -> None:
    save(folder / "file.png", 1)
    with pytest.raises(FolderUnusable) as caught:
        importer(folder / name)
    assert caught.value.sentence == sentence.format(folder / name)
    assert caught.value.status == 422


def test_only_folders_under_the_roots_or_imported_before_are_allowed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "birds").mkdir(parents=True)
    outside.mkdir()
    home = root / "winnow"
    (home / "thumbnails").mkdir(parents=True)
    (root / "escape").symlink_to(outside)
    (tmp_path / "shortcut").symlink_to(root)

    assert allowed_folder(str(root / "birds"), roots=[root], known=[], home=home) == root / "birds"
    assert allowed_folder(f"{root}/birds/../birds", roots=[root], known=[], home=home) == root / "birds"
    assert allowed_folder(str(root), roots=[tmp_path / "shortcut"], known=[], home=home) == root
    assert allowed_folder(str(outside), roots=[root], known=[str(outside)], home=home) == outside
    for refused in (
        outside,
        root / "escape",
        root / "..",
        tmp_path / "not-there",
        tmp_path / "root-2",
        home,
        home / "thumbnails",
    ):
        with pytest.raises(FolderNotAllowed, match="WINNOW_IMPORT_ROOTS"):
            allowed_folder(str(refused), roots=[root], known=[], home=home)
    with pytest.raises(FolderUnusable, match="There is no folder"):
        allowed_folder(str(root / "not-there"), roots=[root], known=[], home=home)
    for unclear in ("birds", "", "./birds", "~no-such-user-here/birds"):
        with pytest.raises(FolderUnusable, match="is no full path"):
            allowed_folder(unclear, roots=[root], known=[], home=home)
    with pytest.raises(FolderUnusable, match="null byte"):
        allowed_folder("/a\0b", roots=[root], known=[], home=home)
    assert allowed_folder(str(home / "thumbnails"), roots=[], known=[str(home / "thumbnails")], home=home)


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "birds").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert allowed_folder("~/birds", roots=[tmp_path], known=[], home=tmp_path / "winnow") == tmp_path / "birds"
