"""Weights that a run starts from: found wherever they are, or refused by name."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

import torchvision  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from ml.errors import Refusal  # noqa: E402
from ml.pretraining.backbones import make_backbone  # noqa: E402
from ml.pretraining.initial import BadWeights, identity_of, load_initial  # noqa: E402
from ml.pretraining.recipe import Network  # noqa: E402
from tests.ml.conftest import SHIPPED  # noqa: E402
from tests.ml.milestones import write_small_milestone  # noqa: E402

STOCK = Network()


@pytest.fixture
def backbone() -> Any:
    return make_backbone(STOCK)[0]


@pytest.fixture
def published() -> dict[str, Any]:
    """Weights with a classifier, as they are published."""
    weights = torchvision.models.resnet18(weights=None).state_dict()
    return {name: torch.full_like(values, 0.25) for name, values in weights.items()}


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pt"])
def test_a_state_dict_is_taken_without_its_classifier(
    backbone: Any, published: dict[str, Any], tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    save_file(published, file) if file.suffix == ".safetensors" else torch.save(published, file)
    assert load_initial(backbone, STOCK, str(file)) == f"The backbone starts from the weights in {file}."
    assert all((values == 0.25).all() for name, values in backbone.state_dict().items() if "num_batches" not in name)


def test_a_checkpoint_is_taken_and_its_epoch_told(tmp_path: Path) -> None:
    network = Network(stem="small-maxpool")
    backbone, _ = make_backbone(network)
    file = write_small_milestone(tmp_path)
    assert load_initial(backbone, network, str(file)).endswith("epoch-0003.ckpt, epoch 3.")
    saved = torch.load(file, weights_only=True)["backbone"]
    torch.testing.assert_close(dict(backbone.state_dict()), saved, rtol=0, atol=0)


def test_what_does_not_fit_is_named(backbone: Any, published: dict[str, Any], tmp_path: Path) -> None:
    del published["conv1.weight"]
    published |= {"layer9.weight": torch.zeros(3), "bn1.weight": torch.zeros(65)}
    torch.save(published, tmp_path / "odd.pt")
    with pytest.raises(BadWeights) as refusal:
        load_initial(backbone, STOCK, str(tmp_path / "odd.pt"))
    assert str(refusal.value) == (
        f"{tmp_path / 'odd.pt'} does not fit the network: conv1.weight is missing; layer9.weight has no place; "
        "bn1.weight is (65,) where (64,) is wanted."
    )


def test_what_holds_no_weights_is_refused(backbone: Any, tmp_path: Path) -> None:
    (tmp_path / "letter.pt").write_text("Dear torch")
    with pytest.raises(BadWeights, match="holds no weights that can be read"):
        load_initial(backbone, STOCK, str(tmp_path / "letter.pt"))
    with pytest.raises(Refusal, match="holds a resnet18 with the stem small-maxpool, and the recipe asks for a resnet"):
        load_initial(backbone, STOCK, str(write_small_milestone(tmp_path)))


@pytest.mark.parametrize(
    ("network", "name", "sentence"),
    [
        (STOCK, "IMAGENET22K", "torchvision has no weights IMAGENET22K of a resnet18; there are IMAGENET1K_V1"),
        (Network(architecture="timm/test_resnet"), "IMAGENET1K_V1", "torchvision has no weights of timm/test_resnet"),
        (Network(stem="small"), "IMAGENET1K_V1", "holds a resnet18 with the stem stock, and the recipe asks for a"),
    ],
)
def test_torchvision_has_only_some_weights(network: Network, name: str, sentence: str) -> None:
    with pytest.raises(BadWeights, match=sentence):
        load_initial(make_backbone(network)[0], network, f"torchvision:{name}")


def test_without_a_network_it_is_said_where_torchvisions_weights_come_from(
    backbone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*arguments: Any, **options: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    with pytest.raises(BadWeights, match=r"cannot be downloaded: .*no network.* They come from https://download"):
        load_initial(backbone, STOCK, "torchvision:IMAGENET1K_V1")


def test_weights_are_known_by_what_they_are(tmp_path: Path) -> None:
    copy = tmp_path / SHIPPED.name
    shutil.copytree(SHIPPED, copy)
    assert identity_of(str(copy))["digest"] == identity_of(str(SHIPPED))["digest"]
    one = tmp_path / "one.pt"
    one.write_bytes(b"one")
    before = identity_of(str(one))
    one.write_bytes(b"other")
    assert identity_of(str(one))["digest"] != before["digest"]
    one.unlink()
    assert identity_of(str(one)) == {"source": before["source"], "digest": None}
