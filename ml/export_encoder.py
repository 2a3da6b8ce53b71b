"""From a network's torch weights and a card that describes them to a published encoder artifact."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
import torchvision
from onnx import helper, numpy_helper
from safetensors.torch import load_file

from ml.artifacts import BadArtifact, EncoderManifest, checksums, now, publishing
from ml.encoder import INPUT, OUTPUT, WEIGHTS, Encoder

MODEL_CARD = "README.md"

_ARCHITECTURES = ("resnet18", "resnet34", "resnet50")
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
    recipe: dict[str, Any]
    quality: dict[str, Any]


def export_encoder(weights: Path, card_file: Path, out: Path, *, model_card: Path | None = None) -> EncoderManifest:
    """Publish the encoder at `out`: encoder.onnx (half-precision weights, float32 arithmetic) and its manifest.

    `model_card` is copied beside them as README.md. Raises BadArtifact if the card or the weights do not fit,
    and if the vectors stray further than 1e-3 in cosine distance from torch's.
    """
    card = _read_card(card_file)
    network = _network(card, weights)
    height, width = card.input_size
    noise = np.random.default_rng(0).integers(0, 256, (4, 3, height, width), dtype=np.uint8)
    expected = _vectors(network, card, noise)
    manifest = EncoderManifest(
        name=card.name,
        architecture=card.architecture,
        dimension=expected.shape[1],
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
    with publishing(out) as draft:
        _write_onnx(network, torch.zeros(2, 3, height, width), draft / WEIGHTS)
        if model_card:
            shutil.copyfile(model_card, draft / MODEL_CARD)
        manifest = replace(manifest, files=checksums(draft, [WEIGHTS]))
        manifest.write(draft)
        _check(Encoder.open(draft).encode(list(noise)), expected)
    return manifest


def _read_card(file: Path) -> Card:
    try:
        return Card(**tomllib.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        keys = ", ".join(Card.__dataclass_fields__)
        raise BadArtifact(f"The card {file} cannot be understood: it is TOML with the keys {keys}.") from error


def _network(card: Card, weights: Path) -> torch.nn.Module:
    """Build the backbone, without its classifier, and load the weights into it."""
    if card.architecture not in _ARCHITECTURES:
        raise BadArtifact(f"There is no architecture {card.architecture}; there are {', '.join(_ARCHITECTURES)}.")
    network: torch.nn.Module = getattr(torchvision.models, card.architecture)(weights=None)
    network.fc = torch.nn.Identity()
    try:
        network.load_state_dict(_tensors(weights))
    except RuntimeError as error:
        raise BadArtifact(f"{weights} holds no weights of a {card.architecture} without its classifier.") from error
    return network.float().eval()


def _tensors(weights: Path) -> dict[str, torch.Tensor]:
    try:
        if weights.suffix == ".safetensors":
            tensors = load_file(weights)
        else:
            tensors = torch.load(weights, map_location="cpu", weights_only=True)
        return {name: tensor.float() for name, tensor in tensors.items() if not name.startswith("fc.")}
    except OSError:
        raise
    # Both readers raise almost anything on a file that is not its own.
    except Exception as error:
        raise BadArtifact(f"{weights} holds no weights that can be read.") from error


def _vectors(network: torch.nn.Module, card: Card, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    mean, std = torch.tensor(card.mean)[:, None, None], torch.tensor(card.std)[:, None, None]
    with torch.no_grad():
        outputs = network((torch.from_numpy(pixels) / 255 - mean) / std)
    vectors: npt.NDArray[np.float32] = torch.nn.functional.normalize(outputs).numpy()
    if not (np.isfinite(vectors).all() and vectors.any(axis=1).all()):
        raise BadArtifact("These weights give zeros or values that are not finite, and no vector comes of those.")
    return vectors


def _write_onnx(network: torch.nn.Module, pixels: torch.Tensor, path: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=1024)
    with _quiet():
        torch.onnx.export(
            network,
            (pixels,),
            path,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    _halve(model.graph)
    _forget_origins(model)
    onnx.save(model, path)


def _halve(graph: onnx.GraphProto) -> None:
    """Store the large weights in half precision; a Cast each, folded at load, gives float32 back."""
    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.dtype != np.float32 or values.ndim < 2 or not np.isfinite(half).all():
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _forget_origins(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes: source paths of the machine that ran it."""
    del model.graph.value_info[:]
    for part in (model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _check(vectors: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> None:
    distances = 1 - (vectors * expected).sum(axis=1)
    if not (distances <= _LARGEST_DISTANCE).all():
        raise BadArtifact(f"The exported vectors stray from torch's by {distances.max():.1g} in cosine distance.")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's chatter from the person who asked for an encoder."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
