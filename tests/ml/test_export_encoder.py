"""From torch weights, or a checkpoint, to an encoder artifact, and back to torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.artifacts import BadArtifact, EncoderManifest
from ml.encoder import Encoder
from ml.errors import Refusal
from tests.ml.conftest import SHIPPED, Run
from tests.ml.test_encoder import REFERENCE

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torchvision.models import resnet18  # noqa: E402

from ml.export_encoder import export_checkpoint, export_weights  # noqa: E402
from ml.onnx_network import torch_weights  # noqa: E402
from ml.pretraining.checkpoints import read_milestone  # noqa: E402
from ml.pretraining.recipe import Network  # noqa: E402
from ml.torch_encoder import TorchEncoder  # noqa: E402
from tests.ml.milestones import with_statistics, write_small_milestone  # noqa: E402

CARD = """
name = "random"
architecture = "resnet18"
input_size = [64, 64]
resize = 72
mean = [0.5, 0.4, 0.3]
std = [0.2, 0.25, 0.3]
epochs = 3
recipe = {method = "none", network = {stem = "stock"}}
quality = {imagenette_knn = 0.1}
"""


@pytest.fixture(scope="module")
def network() -> Any:
    """A resnet18 with random weights, its normalisation's statistics too."""
    torch.manual_seed(0)
    network = resnet18(weights=None)
    network.fc = torch.nn.Identity()
    return with_statistics(network)


@pytest.fixture
def weights(network: Any, tmp_path: Path) -> Path:
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    return tmp_path / "weights.pt"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "card.toml").write_text(CARD)
    return tmp_path / "card.toml"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_milestone(tmp_path_factory.mktemp("run"))


def test_an_exported_encoder_gives_torchs_vectors(network: Any, weights: Path, card: Path, tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("# random")
    export_weights(weights, card, tmp_path / "out", model_card=tmp_path / "card.md")
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


def test_a_checkpoint_becomes_an_encoder_that_can_be_trained_further(checkpoint: Path, tmp_path: Path, ml: Run) -> None:
    (tmp_path / "quality.json").write_text('{"knn": {"20": 0.5}}')
    options = ("--name", "small-1", "--quality", tmp_path / "quality.json", "--out", tmp_path / "out")
    answer = ml("export-encoder", "--checkpoint", checkpoint, *options)
    assert (answer.returncode, answer.stderr) == (0, ""), answer.stdout
    assert json.loads(answer.stdout) == {"event": "artifact", "kind": "encoder", "path": str(tmp_path / "out")}

    manifest = EncoderManifest.read(tmp_path / "out")
    assert (manifest.name, manifest.architecture, manifest.epochs) == ("small-1", "resnet18", 3)
    assert (manifest.resize, manifest.input_size, manifest.mean) == (40, (32, 32), (0.5, 0.4, 0.3))
    assert manifest.quality == {"knn": {"20": 0.5}}
    assert manifest.recipe["training"]["batch"] == 32
    assert (manifest.recipe["images"], manifest.recipe["versions"]) == (256, {"torch": "2"})

    network, weights = torch_weights(tmp_path / "out")
    assert network == Network(architecture="resnet18", stem="small-maxpool")
    trained = read_milestone(checkpoint).backbone
    assert weights.keys() == {name for name in trained if not name.endswith("num_batches_tracked")}
    assert all(torch.allclose(values, trained[name], rtol=1e-3, atol=1e-6) for name, values in weights.items())

    pixels = list(np.random.default_rng(1).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8))
    vectors = Encoder.open(tmp_path / "out", threads=1).encode(pixels)
    assert np.allclose(vectors, TorchEncoder.open(tmp_path / "out").encode(pixels), atol=1e-5)
    assert np.allclose(vectors, TorchEncoder.open(checkpoint).encode(pixels), atol=1e-3)


@pytest.mark.parametrize(
    "change, sentence",
    [
        (("name", "=name"), "The card .* cannot be understood"),
        (("epochs", "more = 1\nepochs"), "The card .* cannot be understood"),
        (("resnet18", "vgg"), "There is no architecture vgg"),
        (("resnet18", "resnet34"), r"weights.pt does not fit the network: layer1.2.conv1.weight is missing"),
        (("stock", "small"), r"conv1.weight is \(64, 3, 7, 7\) where \(64, 3, 3, 3\) is wanted"),
        (("stock", "tall"), "There is no stem tall of a resnet18"),
        (("resize = 72", "resize = 60"), "input size no larger"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    weights: Path, card: Path, tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    card.write_text(CARD.replace(*change))
    with pytest.raises(Refusal, match=sentence):
        export_weights(weights, card, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options, sentence",
    [
        (("--checkpoint", "last.ckpt"), "A checkpoint needs --name NAME"),
        (("--checkpoint", "last.ckpt", "--name", "a", "--card", "card.toml"), "and no --card"),
        (("--weights", "weights.pt", "--name", "a"), "Weights need --card FILE"),
    ],
)
def test_a_command_that_lacks_something_says_what(
    tmp_path: Path, ml: Run, options: tuple[str, ...], sentence: str
) -> None:
    answer = ml("export-encoder", *options, "--out", tmp_path / "out")
    assert (answer.returncode, answer.stderr) == (1, "")
    assert sentence in json.loads(answer.stdout)["message"]


def test_figures_that_are_no_json_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    for content in ("knn: 0.5", "[0.5]"):
        (tmp_path / "quality.json").write_text(content)
        with pytest.raises(BadArtifact, match=r"quality.json cannot be understood: it is JSON"):
            export_checkpoint(checkpoint, tmp_path / "out", name="a", quality=tmp_path / "quality.json")


def test_dead_weights_are_refused(network: Any, card: Path, tmp_path: Path) -> None:
    torch.save({name: torch.zeros_like(values) for name, values in network.state_dict().items()}, tmp_path / "dead.pt")
    with pytest.raises(BadArtifact, match="give zeros"):
        export_weights(tmp_path / "dead.pt", card, tmp_path / "out")


def test_the_shipped_encoder_is_small_enough_and_says_where_it_comes_from() -> None:
    assert (SHIPPED / "encoder.onnx").stat().st_size <= 25_000_000
    assert EncoderManifest.read(SHIPPED).quality
    assert "transductive" in (SHIPPED / "README.md").read_text()
    assert b"site-packages" not in (SHIPPED / "encoder.onnx").read_bytes()


def test_the_shipped_encoder_holds_the_weights_that_it_was_made_from() -> None:
    if not REFERENCE.is_file():
        pytest.skip(f"THE WEIGHTS ARE MISSING: no file {REFERENCE}; set WINNOW_REFERENCE_WEIGHTS")
    network, weights = torch_weights(SHIPPED)
    assert network == Network(architecture="resnet18", stem="stock")
    made_from = {name: values.float() for name, values in load_file(REFERENCE).items()}
    assert weights.keys() == {name for name in made_from if not name.endswith("num_batches_tracked")}
    assert all(torch.equal(values, made_from[name]) for name, values in weights.items())


def test_normalisation_costs_nothing_because_onnx_runtime_folds_it(tmp_path: Path) -> None:
    def operations(file: Path) -> set[str]:
        return {node.op_type for node in onnx.load(file).graph.node}

    assert "BatchNormalization" in operations(SHIPPED / "encoder.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(SHIPPED / "encoder.onnx", options, providers=["CPUExecutionProvider"])
    assert not {"BatchNormalization", "Cast"} & operations(tmp_path / "loaded.onnx")
