"""Vectors through torch: those of ONNX Runtime, on one device or on several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.encoder import Encoder
from ml.vectors import read_vectors
from tests.ml.conftest import SHIPPED, MakePictures, Run
from tests.ml.milestones import write_small_milestone

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from ml.torch_encoder import TorchEncoder  # noqa: E402

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pixels() -> list[np.ndarray]:
    """More pictures than a batch of one device has, and not twice as many."""
    smooth = np.random.default_rng(2).integers(0, 256, (41, 3, 12, 12), dtype=np.uint8)
    return list(smooth.repeat(8, axis=2).repeat(8, axis=3))


def test_embed_through_torch_gives_onnx_runtimes_vectors(pictures: MakePictures, tmp_path: Path, ml: Run) -> None:
    pictures(40, side=120)
    (tmp_path / "pictures" / "broken.png").touch()
    for device in ("cpu", "torch"):
        out = tmp_path / device
        options = ("--encoder", SHIPPED, "--images", tmp_path / "pictures", "--device", device, "--threads", 2)
        answer = ml("embed", *options, "--out", out)
        assert answer.returncode == 0, answer.stdout
        assert (tmp_path / "pictures" / "broken.png").name in answer.stderr
    cpu, through_torch = (read_vectors(tmp_path / device) for device in ("cpu", "torch"))
    np.testing.assert_array_equal(through_torch.digests, cpu.digests)
    assert cpu.vectors.shape == (40, 512)
    np.testing.assert_allclose(through_torch.vectors, cpu.vectors, atol=1e-3)


def test_several_devices_share_a_batch_and_give_the_same_vectors(pixels: list[np.ndarray]) -> None:
    one = TorchEncoder.open(SHIPPED, [CPU])
    three = TorchEncoder.open(SHIPPED, [CPU, CPU, CPU])
    assert three.batch == 3 * one.batch
    expected = Encoder.open(SHIPPED, threads=1).encode(pixels)
    np.testing.assert_allclose(one.encode(pixels), expected, atol=1e-3)
    np.testing.assert_allclose(three.encode(pixels), expected, atol=1e-3)


def test_a_vector_does_not_depend_on_its_company(pixels: list[np.ndarray]) -> None:
    encoder = TorchEncoder.open(SHIPPED, [CPU])
    together = encoder.encode(pixels)
    np.testing.assert_array_equal(encoder.encode(pixels[:1]), together[:1])
    np.testing.assert_array_equal(encoder.encode(pixels[33:36]), encoder.encode(pixels[33:40])[:3])


def test_numbers_beyond_float16_are_computed_again(pixels: list[np.ndarray], tmp_path: Path) -> None:
    checkpoint = _scaled(write_small_milestone(tmp_path), 1e6)
    small = [picture[:, :32, :32] for picture in pixels[:3]]
    plain = TorchEncoder.open(checkpoint, [CPU]).encode(small)
    assert np.isfinite(plain).all()
    np.testing.assert_array_equal(TorchEncoder.open(checkpoint, [CPU], dtype=torch.float16).encode(small), plain)


def test_a_network_that_gives_nothing_gives_no_vector(pixels: list[np.ndarray], tmp_path: Path) -> None:
    checkpoint = _scaled(write_small_milestone(tmp_path), 0)
    assert np.isnan(TorchEncoder.open(checkpoint, [CPU]).encode([pixels[0][:, :32, :32]])).all()


def _scaled(checkpoint: Path, factor: float) -> Path:
    """Make the last normalisation so many times larger."""
    content: dict[str, Any] = torch.load(checkpoint, weights_only=True)
    for block in ("layer4.1.bn2", "layer4.0.bn2", "layer4.0.downsample.1"):
        content["backbone"][f"{block}.weight"] *= factor
        content["backbone"][f"{block}.bias"] *= factor
    torch.save(content, checkpoint)
    return checkpoint
