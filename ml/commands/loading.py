"""Libraries that make a million objects when they are loaded, all of which stay."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Import in the block without looking for garbage, neither now nor ever after among what was imported.

    To look takes a sixth of the time in which torch and Lightning are loaded.
    """
    before = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        # Where all had been loaded already, what is there by now is not theirs.
        if len(sys.modules) > before:
            gc.freeze()
        gc.enable()
