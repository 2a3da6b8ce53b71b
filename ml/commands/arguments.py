"""What several commands read from their command line."""

from __future__ import annotations


def positive(text: str) -> int:
    """Read a whole number of at least one. Raises ValueError, which argparse turns into a sentence."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number
