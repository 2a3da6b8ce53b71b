"""Lay vectors out on a plane or in space (`map` extra)."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.commands.arguments import positive
from ml.commands.loading import loading
from ml.errors import Refusal
from ml.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    vectors = parser.add_mutually_exclusive_group(required=True)
    vectors.add_argument("--index", type=Path, metavar="DIR", help="an index version")
    vectors.add_argument("--vectors", type=Path, metavar="DIR", help="what embed has gathered")
    vectors.add_argument("--array", type=Path, metavar="FILE", help="an array of vectors, .npy")
    parser.add_argument("--ids", type=Path, metavar="FILE", help="the images of --array: a SHA-256 a line")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the map; must not exist yet")
    parser.add_argument("--method", choices=["pca", "pacmap", "tsne"], default="pacmap", help="default: %(default)s")
    parser.add_argument("--dimensions", type=int, choices=[2, 3], default=3, help="default: %(default)s")
    parser.add_argument("--at-most", type=positive, metavar="N", help="of more vectors, lay out a random sample")
    parser.add_argument("--seed", type=_seed, default=0, help="default: %(default)s")
    parser.add_argument("--picture", action="store_true", help="add a PNG and an HTML page to the map; so do labels")
    parser.add_argument(
        "--labels", type=Path, metavar="PATH", help="colour them by class: a folder of classes or a CSV"
    )
    parser.add_argument("--groups", type=Path, metavar="FILE", help="and by groups of classes: TOML")


def run(options: argparse.Namespace, progress: Progress) -> None:
    with loading():
        from ml.maps.build import build_map  # noqa: PLC0415
        from ml.maps.colouring import Colouring, by_class, by_group  # noqa: PLC0415
        from ml.maps.source import from_array, from_folder, from_index  # noqa: PLC0415

    if options.groups and not options.labels:
        raise Refusal("--groups puts classes together; --labels says where the classes are.")
    if options.ids and not options.array:
        raise Refusal("--ids names the images of an --array; an index and a folder of vectors know theirs.")
    if options.index:
        source = from_index(options.index)
    elif options.vectors:
        source = from_folder(options.vectors)
    else:
        source = from_array(options.array, options.ids)
    colourings: list[Colouring | None] = [None] if options.picture and not options.labels else []
    if options.labels:
        classes = by_class(options.labels, progress)
        colourings = [classes, by_group(classes, options.groups)] if options.groups else [classes]
    manifest = build_map(
        source,
        options.out,
        method=options.method,
        dimensions=options.dimensions,
        seed=options.seed,
        at_most=options.at_most,
        colourings=colourings,
        progress=progress,
    )
    progress.artifact("map", options.out, points=manifest.count)


def _seed(text: str) -> int:
    """Read a seed: what all the libraries take, 0 to 2**31 - 1."""
    number = int(text)
    if not 0 <= number < 2**31:
        raise ValueError
    return number
