"""Make an encoder artifact of a checkpoint or of torch weights (`ml` extra)."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.commands.loading import loading
from ml.errors import Refusal
from ml.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path, metavar="FILE", help="a milestone or last.ckpt of a run")
    source.add_argument("--weights", type=Path, metavar="FILE", help=".safetensors, or a .pt state dict")
    parser.add_argument("--name", help="of the encoder; with --checkpoint")
    parser.add_argument("--quality", type=Path, metavar="FILE", help="what evaluate measured; with --checkpoint")
    parser.add_argument("--card", type=Path, metavar="FILE", help="TOML: what the weights do not say; with --weights")
    parser.add_argument("--model-card", type=Path, metavar="FILE", help="a README.md to lie beside the weights")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the artifact; must not exist yet")


def run(options: argparse.Namespace, progress: Progress) -> None:
    _check(options)
    with loading():
        from ml.export_encoder import export_checkpoint, export_weights  # noqa: PLC0415

    if options.checkpoint:
        quality, model_card = options.quality, options.model_card
        export_checkpoint(options.checkpoint, options.out, name=options.name, quality=quality, model_card=model_card)
    else:
        export_weights(options.weights, options.card, options.out, model_card=options.model_card)
    progress.artifact("encoder", options.out)


def _check(options: argparse.Namespace) -> None:
    if options.checkpoint and (options.card or not options.name):
        raise Refusal("A checkpoint needs --name NAME, and no --card: it knows the rest itself.")
    if options.weights and (options.name or options.quality or not options.card):
        raise Refusal("Weights need --card FILE, which has their name and quality too.")
