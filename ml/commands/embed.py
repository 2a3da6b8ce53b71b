"""Turn images into vectors; run again, it does what is left."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ml.commands.arguments import positive
from ml.images import read_list, write_list
from ml.progress import Progress

_NAMED_AT_MOST = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--encoder", type=Path, required=True, metavar="DIR", help="an encoder artifact")
    parser.add_argument("--images", type=Path, required=True, metavar="PATH", help="a folder, or a list in JSON lines")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the vectors are gathered")
    parser.add_argument("--reuse", type=Path, metavar="DIR", help="an index version whose vectors are taken over")
    parser.add_argument("--threads", type=positive, metavar="N", help="processor cores to use (default: all)")
    parser.add_argument(
        "--max-pixels",
        type=positive,
        default=100_000_000,
        metavar="N",
        help="leave out pictures with more (%(default)s)",
    )


def run(options: argparse.Namespace, progress: Progress) -> None:
    from ml.embed import embed  # noqa: PLC0415
    from ml.encoder import Encoder  # noqa: PLC0415
    from ml.folder import list_folder  # noqa: PLC0415

    threads = options.threads or os.cpu_count() or 1
    encoder = Encoder.open(options.encoder, threads=threads)
    walked = options.images.is_dir()
    images, unlisted = list_folder(options.images, progress) if walked else (read_list(options.images), [])
    left_out = embed(
        encoder,
        images,
        options.out,
        unlisted=unlisted,
        reuse=options.reuse,
        threads=threads,
        max_pixels=options.max_pixels,
        progress=progress,
    )
    if walked:
        write_list(options.out / "images.jsonl", images)
    for entry in left_out[:_NAMED_AT_MOST]:
        sys.stderr.write(f"{entry.path} {entry.reason}\n")
    looked_at = len({image.id for image in images}) + len(unlisted)
    progress.artifact("vectors", options.out, images=looked_at, left_out=len(left_out))
