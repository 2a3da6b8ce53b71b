"""Weights that a backbone starts from: an encoder artifact, a checkpoint, a file of weights, or torchvision's."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from ml.artifacts import EncoderManifest, file_digest
from ml.errors import Refusal
from ml.pretraining.checkpoints import read_milestone
from ml.pretraining.recipe import Network

TORCHVISION = "torchvision:"

_CLASSIFIER = "fc."
# Counted by BatchNorm, and used by none whose momentum is a number; ONNX does not keep it.
_COUNTER = "num_batches_tracked"


class BadWeights(Refusal):
    """Weights that do not fit or cannot be had; the message is a sentence that names them."""


def load_initial(backbone: nn.Module, network: Network, source: str) -> str:
    """Load weights into a backbone made for `network`, and return a sentence that says which.

    `source` is the folder of an encoder artifact, a checkpoint (.ckpt), a state dict (.safetensors, .pt) or the name
    of weights, as in "torchvision:IMAGENET1K_V1". Raises BadWeights, and what the readers of artifacts and
    checkpoints raise.
    """
    if source.startswith(TORCHVISION):
        fill(backbone, _torchvision_weights(network, source.removeprefix(TORCHVISION)), told_as=source)
        return f"The backbone starts from torchvision's {source.removeprefix(TORCHVISION)}."
    path = Path(source)
    if path.is_dir():
        # ONNX takes half a second to load, for which no other run should wait.
        from ml.onnx_network import torch_weights  # noqa: PLC0415

        theirs, weights = torch_weights(path)
        _check_network(theirs, network, source)
        fill(backbone, weights, told_as=f"The encoder {source}", hint=" Export it anew, or start from its checkpoint.")
        return f"The backbone starts from the encoder {source}."
    if path.suffix == ".ckpt":
        milestone = read_milestone(path)
        _check_network(milestone.recipe.network, network, source)
        fill(backbone, milestone.backbone, told_as=source)
        return f"The backbone starts from the checkpoint {source}, epoch {milestone.epoch:,}."
    fill(backbone, read_tensors(path), told_as=source)
    return f"The backbone starts from the weights in {source}."


def identity_of(source: str) -> dict[str, str | None]:
    """Return what tells weights from others: `source`, where they lie, and `digest`, the SHA-256 of what they are.

    The digest is None where nothing lies any more. Raises BadArtifact.
    """
    if source.startswith(TORCHVISION):
        return {"source": source, "digest": source}
    path = Path(source).resolve()
    if not path.exists():
        return {"source": str(path), "digest": None}
    digest = EncoderManifest.read(path).digest if path.is_dir() else file_digest(path)
    return {"source": str(path), "digest": digest}


def fill(backbone: nn.Module, weights: Mapping[str, torch.Tensor], *, told_as: str, hint: str = "") -> None:
    """Load weights by name, each in the shape that the backbone has. Raises BadWeights, naming the first misfits."""
    wanted = backbone.state_dict()
    given = {name: values for name, values in weights.items() if not name.startswith(_CLASSIFIER)}
    misfits = [f"{name} is missing" for name in wanted if name not in given and not name.endswith(_COUNTER)]
    misfits += [f"{name} has no place" for name in given if name not in wanted]
    misfits += [
        f"{name} is {tuple(values.shape)} where {tuple(wanted[name].shape)} is wanted"
        for name, values in given.items()
        if name in wanted and values.shape != wanted[name].shape
    ]
    if misfits:
        raise BadWeights(f"{told_as} does not fit the network: {'; '.join(misfits[:3])}.{hint}")
    backbone.load_state_dict(given, strict=False)


def read_tensors(file: Path) -> dict[str, torch.Tensor]:
    """Return a state dict that was saved as .safetensors, or by torch.save. Raises BadWeights, or OSError."""
    try:
        if file.suffix == ".safetensors":
            tensors = load_file(file)
        else:
            tensors = torch.load(file, map_location="cpu", weights_only=True)
        return {str(name): tensor.float() for name, tensor in tensors.items()}
    except OSError:
        raise
    # Both readers raise almost anything on a file that is not its own.
    except Exception as error:
        raise BadWeights(f"{file} holds no weights that can be read.") from error


def _check_network(theirs: Network, ours: Network, source: str) -> None:
    if (theirs.architecture, theirs.stem) != (ours.architecture, ours.stem):
        raise BadWeights(f"{source} holds {_described(theirs)}, and the recipe asks for {_described(ours)}.")


def _described(network: Network) -> str:
    return f"a {network.architecture} with the stem {network.stem}"


def _torchvision_weights(network: Network, name: str) -> Mapping[str, torch.Tensor]:
    try:
        published = torchvision.models.get_model_weights(network.architecture)
    except ValueError as error:
        raise BadWeights(f"torchvision has no weights of {network.architecture}.") from error
    if name not in published.__members__:
        raise BadWeights(
            f"torchvision has no weights {name} of a {network.architecture}; there are "
            f"{', '.join(published.__members__)}."
        )
    _check_network(Network(architecture=network.architecture), network, TORCHVISION + name)
    try:
        # Standard output is for progress.
        with redirect_stdout(sys.stderr):
            weights: Mapping[str, torch.Tensor] = published[name].get_state_dict(check_hash=True, weights_only=True)
    except OSError as error:
        raise BadWeights(
            f"The weights {name} of torchvision's {network.architecture} cannot be downloaded: {error}. "
            f"They come from {published[name].url}."
        ) from error
    return weights
