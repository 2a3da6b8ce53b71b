"""From torch weights to an encoder artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.artifacts import BadArtifact, EncoderManifest
from ml.encoder import Encoder
from tests.ml.conftest import SHIPPED, Run

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402
from torchvision.models import resnet18  # noqa: E402

from ml.export_encoder import export_encoder  # noqa: E402

CARD = """
name = "random"
architecture = "resnet18"
input_size = [64, 64]
resize = 72
mean = [0.5, 0.4, 0.3]
std = [0.2, 0.25, 0.3]
epochs = 3
recipe = {method = "none"}
quality = {imagenette_knn = 0.1}
"""


@pytest.fixture(scope="module")
def network() -> Any:
    """A resnet18 with seeded random weights, its normalisation's statistics too."""
    torch.manual_seed(0)
    network = resnet18(weights=None)
    network.fc = torch.nn.Identity()
    for name, values in network.named_buffers():
        if "running_var" in name:
            values.uniform_(0.5, 1.5)
        elif "running_mean" in name:
            values.uniform_(-0.1, 0.1)
    return network.eval()


@pytest.fixture
def weights(network: Any, tmp_path: Path) -> Path:
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "card.toml").write_text(CARD)
    return tmp_path / "card.toml"


def test_an_exported_encoder_gives_torchs_vectors(
    network: Any, weights: Path, card: Path, tmp_path: Path, run_ml: Run
) -> None:
    (tmp_path / "README.md").write_text("# random")
    options = ("--card", card, "--model-card", tmp_path / "README.md", "--out", tmp_path / "out")
    answer = run_ml("export-encoder", "--weights", weights, *options)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert json.loads(answer.stdout) == {"event": "artifact", "kind": "encoder", "path": str(tmp_path / "out")}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "encoder.onnx", "manifest.json"]

    encoder = Encoder.open(tmp_path / "out", threads=1)
    manifest = encoder.manifest
    assert (manifest.name, manifest.dimension, manifest.resize, manifest.epochs) == ("random", 512, 72, 3)
    pixels = np.random.default_rng(1).integers(0, 256, (5, 3, 64, 64), dtype=np.uint8)
    mean, std = (torch.tensor(values)[:, None, None] for values in (manifest.mean, manifest.std))
    with torch.no_grad():
        expected = network((torch.from_numpy(pixels) / 255 - mean) / std)
    expected = torch.nn.functional.normalize(expected).numpy()
    assert (1 - (encoder.encode(list(pixels)) * expected).sum(axis=1) <= 1e-3).all()


def test_weights_are_read_from_safetensors_with_or_without_a_classifier(
    network: Any, card: Path, tmp_path: Path
) -> None:
    tensors = {name: values.clone() for name, values in network.state_dict().items()}
    save_file(tensors | {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}, tmp_path / "w.safetensors")
    assert export_encoder(tmp_path / "w.safetensors", card, tmp_path / "out").dimension == 512


@pytest.mark.parametrize(
    "change, sentence",
    [
        (("name", "=name"), "The card .* cannot be understood"),
        (("epochs", "more = 1\nepochs"), "The card .* cannot be understood"),
        (("resnet18", "vgg"), "There is no architecture vgg"),
        (("resnet18", "resnet34"), "holds no weights of a resnet34"),
        (("resize = 72", "resize = 60"), "input size no larger"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    weights: Path, card: Path, tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    card.write_text(CARD.replace(*change))
    with pytest.raises(BadArtifact, match=sentence):
        export_encoder(weights, card, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_that_cannot_be_read_are_refused(card: Path, tmp_path: Path) -> None:
    for name in ("weights.pt", "weights.safetensors"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(BadArtifact, match="holds no weights that can be read"):
            export_encoder(tmp_path / name, card, tmp_path / "out")


def test_dead_weights_are_refused(network: Any, card: Path, tmp_path: Path) -> None:
    torch.save({name: torch.zeros_like(values) for name, values in network.state_dict().items()}, tmp_path / "dead.pt")
    with pytest.raises(BadArtifact, match="give zeros"):
        export_encoder(tmp_path / "dead.pt", card, tmp_path / "out")


def test_the_shipped_encoder_is_small_enough_and_says_where_it_comes_from() -> None:
    assert (SHIPPED / "encoder.onnx").stat().st_size <= 25_000_000
    assert EncoderManifest.read(SHIPPED).quality
    assert "transductive" in (SHIPPED / "README.md").read_text()
