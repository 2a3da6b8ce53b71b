"""Where decoded pictures and downloaded data sets are kept, which can always be made again."""

from __future__ import annotations

import os
from pathlib import Path


def default_cache() -> Path:
    """Return the folder that $WINNOW_CACHE names, else `winnow` in the user's folder for caches."""
    named = os.environ.get("WINNOW_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "winnow"
