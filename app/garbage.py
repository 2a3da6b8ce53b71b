"""Python's garbage collector, told to look seldom."""

from __future__ import annotations

import gc

# A page makes thousands of objects, nearly all of which go by themselves, and a library when it is loaded tens of
# thousands that stay; looking for the others at every 700 of them, as Python does, takes milliseconds of each page.
_AT = 50_000


def look_seldom() -> None:
    """Have this process look for garbage seldom; to be called before anything large is loaded."""
    gc.set_threshold(_AT, 20, 20)


def keep_what_is_loaded() -> None:
    """Have this process never again look for garbage among what there is by now; it made every twentieth page late."""
    gc.freeze()
