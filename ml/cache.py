"""Where decoded pictures and downloaded data sets are kept, which can always be made again."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def default_cache() -> Path:
    """Return the folder that $WINNOW_CACHE names, else `winnow` in the user's folder for caches."""
    named = os.environ.get("WINNOW_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "winnow"


@contextmanager
def alone(entry: Path) -> Iterator[None]:
    """Let others that want the same entry wait until it is made."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(entry.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
