"""Build an index version from finished vectors."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.commands.arguments import add_max_pixels
from ml.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vectors", type=Path, required=True, metavar="DIR", help="what embed has gathered")
    parser.add_argument(
        "--images", type=Path, metavar="PATH", help="look for near-identical pictures in these: what embed was given"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the index version; must not exist yet")
    add_max_pixels(parser)


def run(options: argparse.Namespace, progress: Progress) -> None:
    from ml.folder import list_images  # noqa: PLC0415
    from ml.index import Pictures, build_index  # noqa: PLC0415

    pictures = None
    if options.images is not None:
        pictures = Pictures(list_images(options.images, progress)[0], options.max_pixels)
    manifest = build_index(options.vectors, options.out, pictures=pictures, progress=progress)
    progress.artifact("index", options.out, vectors=manifest.count, left_out=manifest.left_out)
