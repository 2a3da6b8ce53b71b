"""Build an index version from finished vectors."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vectors", type=Path, required=True, metavar="DIR", help="what embed has gathered")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the index version; must not exist yet")


def run(options: argparse.Namespace, progress: Progress) -> None:
    from ml.index import build_index  # noqa: PLC0415

    manifest = build_index(options.vectors, options.out, progress=progress)
    progress.artifact("index", options.out, vectors=manifest.count, left_out=manifest.left_out)
