"""Make an encoder artifact of torch weights (`ml` extra)."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE", help=".safetensors, or a .pt state dict")
    parser.add_argument("--card", type=Path, required=True, metavar="FILE", help="TOML: what the weights do not say")
    parser.add_argument("--model-card", type=Path, metavar="FILE", help="a README.md to lie beside the weights")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the artifact; must not exist yet")


def run(options: argparse.Namespace, progress: Progress) -> None:
    from ml.export_encoder import export_encoder  # noqa: PLC0415

    export_encoder(options.weights, options.card, options.out, model_card=options.model_card)
    progress.artifact("encoder", options.out)
