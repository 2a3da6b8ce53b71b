"""Judge encoders, or a run's milestones, on labelled images (`ml` extra)."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ml.commands.arguments import add_max_pixels, positive
from ml.commands.loading import loading
from ml.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        type=Path,
        nargs="+",
        metavar="WHAT",
        help="an encoder artifact, a checkpoint (.ckpt), or a run's folder",
    )
    parser.add_argument(
        "--images",
        required=True,
        metavar="PATH",
        help="labelled images: SPLIT/CLASS/FILE, CLASS/FILE, STL-10, CIFAR-10, or torchvision:NAME",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where every figure goes, as JSON")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="a run's curve, as .png or .svg")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of splits and draws (%(default)s)")
    parser.add_argument("--threads", type=positive, metavar="N", help="processor cores to use (default: all)")
    add_max_pixels(parser)


def run(options: argparse.Namespace, progress: Progress) -> None:
    with loading():
        from ml.datasets import located  # noqa: PLC0415
        from ml.evaluation.curve import check_curve, draw_curve  # noqa: PLC0415
        from ml.evaluation.evaluate import evaluate  # noqa: PLC0415
        from ml.evaluation.report import report  # noqa: PLC0415
        from ml.evaluation.splits import split_of  # noqa: PLC0415
        from ml.evaluation.subjects import subjects_in  # noqa: PLC0415
        from ml.labelled import labelled_images  # noqa: PLC0415

    subjects = subjects_in(options.what)
    if options.picture:
        check_curve(subjects, options.picture)
    split = split_of(labelled_images(located(options.images, progress), progress), seed=options.seed)
    result = evaluate(
        subjects,
        split,
        options.out,
        images=options.images,
        seed=options.seed,
        threads=options.threads or os.cpu_count() or 1,
        max_pixels=options.max_pixels,
        progress=progress,
    )
    progress.artifact("evaluation", options.out)
    if options.picture:
        draw_curve(result, options.picture)
        progress.artifact("curve", options.picture)
    if options.progress == "text":
        from rich.console import Console  # noqa: PLC0415

        Console().print(report(result))
