"""From a network's weights, or a checkpoint of a run, to a published encoder artifact."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ml.artifacts import BadArtifact, EncoderManifest, checksums, now, publishing
from ml.encoder import WEIGHTS, Encoder
from ml.evaluation.summary import KIND as EVALUATION
from ml.evaluation.summary import summary
from ml.onnx_network import network_of, write_onnx
from ml.pretraining.backbones import make_backbone
from ml.pretraining.checkpoints import read_milestone
from ml.pretraining.initial import fill, read_tensors
from ml.torch_encoder import TorchEncoder, checkpoint_manifest

MODEL_CARD = "README.md"

_LARGEST_DISTANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Card:
    """What weights do not say of themselves: a TOML file with these keys."""

    name: str
    architecture: str
    input_size: list[int]  # height, width in pixels
    resize: int  # the short side, in pixels, before the centre is cut out
    mean: list[float]  # of RGB values from 0 to 1
    std: list[float]
    epochs: int
    recipe: dict[str, Any]  # anything; `network.stem` says how the network begins, if not as torchvision's
    quality: dict[str, Any]


def export_weights(weights: Path, card_file: Path, out: Path, *, model_card: Path | None = None) -> EncoderManifest:
    """Publish a state dict at `out` as an encoder: encoder.onnx and its manifest.

    `model_card` is copied beside them as README.md. Raises BadArtifact if something is at `out` already, if the
    vectors are none or stray further than 1e-3 in cosine distance from torch's; other Refusals if the card or the
    weights cannot be read or do not fit.
    """
    card = _read_card(card_file)
    backbone, dimension = make_backbone(network_of(card.architecture, card.recipe))
    fill(backbone, read_tensors(weights), told_as=str(weights))
    height, width = card.input_size
    manifest = EncoderManifest(
        name=card.name,
        architecture=card.architecture,
        dimension=dimension,
        input_size=(height, width),
        resize=card.resize,
        mean=tuple(card.mean),
        std=tuple(card.std),
        recipe=card.recipe,
        epochs=card.epochs,
        quality=card.quality,
        files={},
        created_at=now(),
    )
    return _published(backbone, manifest, out, model_card)


def export_checkpoint(
    file: Path, out: Path, *, name: str, quality: Path | None = None, model_card: Path | None = None
) -> EncoderManifest:
    """Publish a checkpoint's backbone at `out`, as export_weights does.

    `quality` is JSON: what `evaluate` has written, of which its own figures are taken, or any others.
    """
    milestone = read_milestone(file)
    backbone, _ = make_backbone(milestone.recipe.network)
    fill(backbone, milestone.backbone, told_as=str(file))
    measured = _read_quality(quality, file, milestone.epoch) if quality else {}
    manifest = checkpoint_manifest(file, milestone, name=name, quality=measured)
    return _published(backbone, replace(manifest, created_at=now()), out, model_card)


def _published(backbone: nn.Module, manifest: EncoderManifest, out: Path, model_card: Path | None) -> EncoderManifest:
    height, width = manifest.input_size
    noise = list(np.random.default_rng(0).integers(0, 256, (4, 3, height, width), dtype=np.uint8))
    expected = TorchEncoder(manifest, backbone, [torch.device("cpu")]).encode(noise)
    if not np.isfinite(expected).all():
        raise BadArtifact("These weights give zeros or values that are not finite, and no vector comes of those.")
    with publishing(out) as draft:
        write_onnx(backbone.float().eval(), torch.zeros(2, 3, height, width), draft / WEIGHTS)
        if model_card:
            shutil.copyfile(model_card, draft / MODEL_CARD)
        manifest = replace(manifest, files=checksums(draft, [WEIGHTS]))
        manifest.write(draft)
        distances = 1 - (Encoder.open(draft).encode(noise) * expected).sum(axis=1)
        if not (distances <= _LARGEST_DISTANCE).all():
            raise BadArtifact(f"The exported vectors stray from torch's by {distances.max():.1g} in cosine distance.")
    return manifest


def _read_card(file: Path) -> Card:
    try:
        return Card(**tomllib.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        keys = ", ".join(Card.__dataclass_fields__)
        raise BadArtifact(f"The card {file} cannot be understood: it is TOML with the keys {keys}.") from error


def _read_quality(file: Path, checkpoint: Path, epoch: int) -> dict[str, Any]:
    try:
        measured = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        measured = None
    if not isinstance(measured, dict):
        raise BadArtifact(f"{file} cannot be understood: it is JSON, an object, as evaluate writes it.")
    if measured.get("kind") != EVALUATION:
        return measured
    figures = summary(measured, checkpoint, epoch=epoch)
    if figures is None:
        raise BadArtifact(f"{file} says nothing of {checkpoint}, epoch {epoch:,}: evaluate it first.")
    return figures
