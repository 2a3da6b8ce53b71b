"""A network as encoder.onnx, and back: weights keep their torch names, so that they can be trained further."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxscript.optimizer
import torch
from onnx import helper, numpy_helper
from pydantic import ValidationError

from ml.artifacts import BadArtifact, EncoderManifest
from ml.encoder import INPUT, OUTPUT, WEIGHTS
from ml.pretraining.recipe import Network

_HALF = ".half"
_EXPORTERS_OWN = re.compile(r"val_\d+")


def write_onnx(backbone: torch.nn.Module, pixels: torch.Tensor, path: Path) -> None:
    """Write a network in evaluation mode, for any number of images of the size of `pixels` (n, 3, height, width).

    Large weights are stored in half precision, followed by a Cast; arithmetic is in float32.
    """
    batch = torch.export.Dim("batch", min=1, max=1024)
    with _quiet():
        program = torch.onnx.export(
            backbone,
            (pixels,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch},),
            dynamo=True,
            verbose=False,
            # It would fold normalisation into convolutions, and ONNX Runtime does that when it loads.
            optimize=False,
        )
        assert program is not None
        onnxscript.optimizer.fold_constants(program.model)
        onnxscript.optimizer.remove_unused_nodes(program.model)
    model = program.model_proto
    _halve(model.graph)
    _forget_origins(model)
    onnx.save(model, path)


def torch_weights(artifact: Path) -> tuple[Network, dict[str, torch.Tensor]]:
    """Return the network of an encoder artifact, and its weights (float32, by their torch names).

    Raises BadArtifact.
    """
    manifest = EncoderManifest.read(artifact)
    try:
        graph = onnx.load(artifact / WEIGHTS).graph
    # protobuf's error is not among onnx's own.
    except Exception as error:
        raise BadArtifact(f"The encoder {artifact} holds no network that can be read.") from error
    weights = {
        tensor.name.removesuffix(_HALF): torch.from_numpy(numpy_helper.to_array(tensor).copy()).float()
        for tensor in graph.initializer
        if not _EXPORTERS_OWN.fullmatch(tensor.name)
    }
    return network_of(manifest.architecture, manifest.recipe), weights


def network_of(architecture: str, recipe: Mapping[str, Any]) -> Network:
    """Return the network that a manifest describes: `network.stem` of its recipe, or else the stock stem.

    Raises BadArtifact.
    """
    network = recipe.get("network")
    stem: Any = network.get("stem", "stock") if isinstance(network, dict) else "stock"
    try:
        return Network(architecture=architecture, stem=stem)
    except ValidationError as error:
        raise BadArtifact(f"There is no stem {stem} of a {architecture}.") from error


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
        tensor.CopyFrom(numpy_helper.from_array(half, name + _HALF))
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


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's chatter from the person who asked for an encoder."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
