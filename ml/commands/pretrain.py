"""Pretrain a backbone on images without labels (`ml` extra); run again, it goes on."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ml.commands.arguments import add_max_pixels, positive
from ml.commands.loading import loading
from ml.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="a shipped recipe by name, or the file of one's own (.toml)")
    parser.add_argument(
        "--images",
        required=True,
        nargs="+",
        action="extend",
        metavar="PATH",
        help="folders, lists in JSON lines, files of STL-10 or CIFAR-10, or torchvision:NAME[:SPLIT]",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the run's folder")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a value of the recipe, as in training.epochs=100",
    )
    parser.add_argument(
        "--init",
        metavar="WEIGHTS",
        help="start from an encoder artifact, a checkpoint (.ckpt), a state dict, or torchvision:IMAGENET1K_V1",
    )
    parser.add_argument("--judge", metavar="PATH", help="labelled images whose kNN accuracy is told now and then")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--streaming", action="store_true", default=None, help="read pixels from the disk (default: if they do not fit)"
    )
    where.add_argument(
        "--resident", action="store_false", dest="streaming", default=None, help="hold all pixels in the GPU's memory"
    )
    parser.add_argument(
        "--devices", type=positive, metavar="N", help="GPUs to use, or processes on a CPU (default: all GPUs)"
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="processor cores to decode on (default: all)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where decoded pictures are kept ($WINNOW_CACHE)")
    parser.add_argument(
        "--most-left-out",
        type=share,
        default=0.01,
        metavar="SHARE",
        help="give up if more of the images cannot be read (%(default)s)",
    )
    add_max_pixels(parser)


def run(options: argparse.Namespace, progress: Progress) -> None:
    from ml.pretraining.recipe import read_recipe  # noqa: PLC0415

    # Before torch is loaded: a typing error should not take seconds to be told.
    recipe = read_recipe(options.recipe, options.set)
    with loading():
        from ml.cache import default_cache  # noqa: PLC0415
        from ml.pretraining.pool import Decoding  # noqa: PLC0415
        from ml.pretraining.run import pretrain  # noqa: PLC0415

    pretrain(
        recipe,
        options.images,
        options.out,
        initial=options.init or None,
        judge=options.judge,
        streaming=options.streaming,
        devices=options.devices,
        decoding=Decoding(
            cache=options.cache or default_cache(),
            processes=options.threads or os.cpu_count() or 1,
            most_left_out=options.most_left_out,
            max_pixels=options.max_pixels,
        ),
        progress=progress,
    )


def share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError
    return share
