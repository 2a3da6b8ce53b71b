"""A folder as a list of images: who has no list of ids finds the pictures by walking and hashing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from ml.images import SUFFIXES, BadList, ListedImage, UnreadableImage, read_bytes, read_list
from ml.progress import Progress
from ml.records import is_record_file, mapped_records
from ml.vectors import LeftOut


def list_images(images: Path, progress: Progress) -> tuple[list[ListedImage], list[LeftOut]]:
    """Return the images of a folder as `list_folder` does, of one file of records, or of a list in JSON lines.

    Raises BadList, or OSError if a list cannot be read.
    """
    if images.is_dir():
        return list_folder(images, progress)
    if not is_record_file(images):
        return read_list(images), []
    try:
        return list(_identified(images, images.parent)), []
    except UnreadableImage as error:
        raise BadList(f"{images} {error}.") from error


def list_folder(folder: Path, progress: Progress) -> tuple[list[ListedImage], list[LeftOut]]:
    """Return the pictures under a folder, ordered by path, and the files that cannot be read.

    Links to folders are not followed, nor links that lead out of the folder. Raises BadList if there is no
    picture at all.
    """
    images: list[ListedImage] = []
    left_out: list[LeftOut] = []
    try:
        paths = list(_pictures(folder, left_out))
    except OSError as error:
        raise BadList(f"The folder {folder} cannot be opened: {error.strerror}.") from error
    for done, path in enumerate(paths, start=1):
        try:
            images.extend(_identified(path, folder))
        except UnreadableImage as error:
            left_out.append(LeftOut(None, str(path), str(error)))
        progress.step("hash", done, len(paths))
    if not images and not left_out:
        raise BadList(f"There are no pictures in {folder} (looked for {', '.join(sorted(SUFFIXES))}).")
    return images, left_out


def _pictures(folder: Path, left_out: list[LeftOut]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise error
        left_out.append(LeftOut(None, str(error.filename), f"cannot be opened ({error.strerror})"))

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        for path in (Path(parent, name) for name in sorted(names)):
            if path.suffix.lower() in SUFFIXES or is_record_file(path):
                yield path


def _identified(path: Path, folder: Path) -> Iterator[ListedImage]:
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        raise UnreadableImage("is a link that leads out of the folder")
    if is_record_file(path):
        for number, record in enumerate(mapped_records(path)):
            yield ListedImage(hashlib.sha256(record).hexdigest(), path, number)
    else:
        yield ListedImage(hashlib.sha256(read_bytes(path)).hexdigest(), path)
