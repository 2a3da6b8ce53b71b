"""Which folders may be imported."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from app.identity.people import Asking
from app.pools.errors import FolderNotAllowed, FolderOfAnotherPool, FolderUnusable

# PostgreSQL indexes no text of more than 2,700 bytes.
LONGEST_PATH_BYTES = 2000


def allowed_folder(text: str, *, roots: Iterable[Path], known: Collection[str], home: Path) -> Path:
    """Return the folder that somebody named from afar, resolved, if it may be imported from there.

    It must be absolute (`~` is the home folder of the server's user) and lie under one of the roots, or be one of
    the locations `known` from earlier imports. What lies in Winnow's `home` is of all pools, so it is under none.
    Raises FolderNotAllowed, FolderUnusable.
    """
    if "\0" in text:
        raise FolderUnusable("A folder's path cannot hold a null byte.")
    typed = Path.home() / text[2:] if text == "~" or text.startswith("~/") else Path(text)
    if not typed.is_absolute():
        raise FolderUnusable(f"“{text}” is no full path; a folder's path begins with “{os.sep}”.")
    folder = Path(os.path.realpath(typed))
    # Asked before whether it is there: what lies outside is nobody's business.
    below_a_root = any(folder.is_relative_to(os.path.realpath(root)) for root in roots)
    ours = folder.is_relative_to(os.path.realpath(home))
    if str(folder) not in known and (ours or not below_a_root):
        raise FolderNotAllowed(
            f"“{text}” lies outside the folders that may be imported from here. Start Winnow with a parent of it in "
            "WINNOW_IMPORT_ROOTS, or import it on the command line: winnow import POOL FOLDER."
        )
    return checked_folder(folder, called=text)


def see_that_none_lies_there(folder: Path, *, hidden: Iterable[str]) -> None:
    """Raise FolderOfAnotherPool if a folder, resolved, lies in one of these locations, or holds one."""
    for location in hidden:
        if folder.is_relative_to(location) or Path(location).is_relative_to(folder):
            raise FolderOfAnotherPool


def as_told(location: str, asking: Asking) -> str:
    """Return what somebody is told of a folder: engineers where it lies on the server, all others its name."""
    return location if asking.engineer else location.rpartition("/")[2]


def checked_folder(folder: Path, *, called: str | None = None) -> Path:
    """Return the folder, resolved, after a look whether it can be read.

    Raises FolderUnusable, which calls the folder as the person did.
    """
    called = f"“{called or folder}”"
    location = Path(os.path.realpath(folder))
    try:
        with os.scandir(location):
            pass
        usable_name = len(str(location).encode()) <= LONGEST_PATH_BYTES
    except FileNotFoundError as error:
        raise FolderUnusable(f"There is no folder {called}.") from error
    except NotADirectoryError as error:
        raise FolderUnusable(f"{called} is not a folder.") from error
    except PermissionError as error:
        raise FolderUnusable(f"The folder {called} may not be read (permission denied).") from error
    except OSError as error:
        raise FolderUnusable(f"The folder {called} cannot be read ({error.strerror}).") from error
    except UnicodeEncodeError:
        usable_name = False
    if not usable_name:
        raise FolderUnusable("The folder's path is too long or not in UTF-8; rename it or move it.")
    return location
