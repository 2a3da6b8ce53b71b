"""What several commands read from their command line."""

from __future__ import annotations

import argparse


def add_max_pixels(parser: argparse.ArgumentParser) -> None:
    """Let pictures be left out that would take too much memory."""
    parser.add_argument(
        "--max-pixels",
        type=positive,
        default=100_000_000,
        metavar="N",
        help="leave out pictures with more (%(default)s)",
    )


def positive(text: str) -> int:
    """Read a whole number of at least one. Raises ValueError, which argparse turns into a sentence."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number
