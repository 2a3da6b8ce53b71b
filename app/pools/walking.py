"""Walks a folder: which files may be pictures, and which cannot even be tried."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from app.pools.folders import LONGEST_PATH_BYTES
from ml.images import SUFFIXES
from ml.records import is_record_file


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that is a picture by its name."""

    path: str  # relative to the folder, with slashes
    size: int  # bytes
    mtime_ns: int


@dataclass
class Walk:
    """What lies in a folder, in the order of names, the files of each folder before its sub-folders."""

    files: list[FoundFile] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)  # path -> why, for what cannot even be tried
    ignored: int = 0  # files that are no pictures by their names


def walk(folder: Path, *, leave_out: Path, noticed: Callable[[int], None]) -> Walk:
    """List a resolved folder without reading any file; `noticed` hears the count of files after each sub-folder.

    Hidden files and folders and the folder `leave_out` are passed over. Links to folders are not followed. A link
    to a file is one more file if its target lies within the folder.
    """
    found = Walk()
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        folders = []
        for entry in _entries(folder, inside, found):
            path = inside + entry.name
            reason = _unusable_name(path)
            if reason is None and entry.is_symlink():
                reason = _bad_link(entry, folder)
            if reason is not None:
                if _is_folder(entry) or _looks_like_pictures(entry.name):
                    found.unreadable[_speakable(path)] = reason
                else:
                    found.ignored += 1
            elif entry.is_dir(follow_symlinks=False):
                if Path(entry.path) != leave_out:
                    folders.append(f"{path}/")
            elif not _is_folder(entry):
                _take(entry, path, found)
        waiting += reversed(folders)
        noticed(len(found.files))
    return found


def _entries(folder: Path, inside: str, found: Walk) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder / inside) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        found.unreadable[inside.rstrip("/")] = f"is a folder that cannot be opened ({_said(error)})"
        return
    yield from sorted(shown, key=lambda entry: entry.name)


def _unusable_name(path: str) -> str | None:
    try:
        too_long = len(path.encode()) > LONGEST_PATH_BYTES
    except UnicodeEncodeError:
        return "has a name that is not in UTF-8; rename it"
    return f"has a path of more than {LONGEST_PATH_BYTES:,} bytes" if too_long else None


def _bad_link(entry: os.DirEntry[str], folder: Path) -> str | None:
    try:
        target = Path(os.path.realpath(entry.path, strict=True))
    except OSError:
        return "is a link to nowhere"
    if not target.is_relative_to(folder):
        return "is a link that leads out of the folder"
    return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _looks_like_pictures(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES or is_record_file(Path(name))


def _take(entry: os.DirEntry[str], path: str, found: Walk) -> None:
    if not _looks_like_pictures(entry.name):
        found.ignored += 1
        return
    try:
        is_file, status = entry.is_file(), entry.stat()
    except OSError as error:
        found.unreadable[path] = f"cannot be looked at ({_said(error)})"
        return
    if is_file:
        found.files.append(FoundFile(path, status.st_size, status.st_mtime_ns))
    else:
        found.unreadable[path] = "is not a file"


def _speakable(path: str) -> str:
    """Return the path as text that every database keeps: foreign bytes as \\xff, an overlong one cut."""
    text = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    encoded = text.encode()
    if len(encoded) <= LONGEST_PATH_BYTES:
        return text
    return encoded[: LONGEST_PATH_BYTES - 3].decode("utf-8", "ignore") + "…"


def _said(error: OSError) -> str:
    return (error.strerror or "no reason given").lower()
