"""Turn images into vectors; run again, it does what is left."""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from pathlib import Path

from ml.commands.arguments import add_max_pixels, positive
from ml.encoder import AnyEncoder, Encoder
from ml.errors import Refusal
from ml.images import read_list, write_list
from ml.progress import Progress

_NAMED_AT_MOST = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--encoder", type=Path, required=True, metavar="DIR", help="an encoder artifact")
    parser.add_argument("--images", type=Path, required=True, metavar="PATH", help="a folder, or a list in JSON lines")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the vectors are gathered")
    parser.add_argument("--reuse", type=Path, metavar="DIR", help="an index version whose vectors are taken over")
    parser.add_argument(
        "--device",
        # The hidden one takes torch without a GPU, so that its way can be tested anywhere.
        choices=["auto", "cpu", "cuda", "torch"],
        default="auto",
        metavar="{auto,cpu,cuda}",
        help="every GPU that torch sees (`ml` extra), or ONNX Runtime on the CPU (default: by what there is)",
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="processor cores to use (default: all)")
    add_max_pixels(parser)


def run(options: argparse.Namespace, progress: Progress) -> None:
    from ml.embed import embed  # noqa: PLC0415
    from ml.folder import list_folder  # noqa: PLC0415

    threads = options.threads or os.cpu_count() or 1
    encoder = _opened(options.encoder, options.device, threads)
    walked = options.images.is_dir()
    images, unlisted = list_folder(options.images, progress) if walked else (read_list(options.images), [])
    left_out = embed(
        encoder,
        images,
        options.out,
        unlisted=unlisted,
        reuse=options.reuse,
        threads=threads,
        processes=not isinstance(encoder, Encoder),
        max_pixels=options.max_pixels,
        progress=progress,
    )
    if walked:
        write_list(options.out / "images.jsonl", images)
    for entry in left_out[:_NAMED_AT_MOST]:
        sys.stderr.write(f"{entry.path} {entry.reason}\n")
    looked_at = len({image.id for image in images}) + len(unlisted)
    progress.artifact("vectors", options.out, images=looked_at, left_out=len(left_out))


def _opened(path: Path, device: str, threads: int) -> AnyEncoder:
    if device == "cuda" and not _torch_sees_a_gpu():
        raise Refusal("There is no GPU, or no torch to use it (extra `ml`); --device cpu computes without.")
    if device in {"cuda", "torch"} or (device == "auto" and _torch_sees_a_gpu()):
        from ml.pretraining.initial import BadWeights  # noqa: PLC0415
        from ml.pretraining.recipe import BadRecipe  # noqa: PLC0415
        from ml.torch_encoder import TorchEncoder  # noqa: PLC0415

        try:
            return TorchEncoder.open(path)
        except (BadWeights, BadRecipe):
            # A network that torch cannot take back may still be one for ONNX Runtime.
            if device != "auto":
                raise
    return Encoder.open(path, threads=threads)


def _torch_sees_a_gpu() -> bool:
    try:
        # Importing torch takes seconds; without a driver there is nothing to see.
        ctypes.CDLL("libcuda.so.1")
        import torch  # noqa: PLC0415
    except (OSError, ImportError):
        return False
    return torch.cuda.is_available()
