"""Encoders at work: what the network sees, and the vectors that come out."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.artifacts import BadArtifact, EncoderManifest, checksums
from ml.encoder import Encoder
from ml.images import read_rgb
from tests.ml.colour_grid import FOLDER as COLOUR_GRID
from tests.ml.conftest import REPOSITORY

REFERENCE = Path(
    os.environ.get(
        "WINNOW_REFERENCE_WEIGHTS",
        REPOSITORY.parent / "shared" / "reference-encoder" / "simclr-resnet18-96.safetensors",
    )
)


def test_vectors_are_of_unit_length_and_independent_of_the_batch(shipped: Encoder) -> None:
    pixels = list(np.random.default_rng(0).integers(0, 256, (40, 3, 96, 96), dtype=np.uint8))
    vectors = shipped.encode(pixels)
    assert vectors.shape == (40, 512)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.allclose(shipped.encode(pixels[:1]), vectors[:1], atol=1e-6)
    assert shipped.encode([]).shape == (0, 512)


def test_a_picture_without_any_output_has_no_vector(colour_grid: Encoder) -> None:
    black, white = np.zeros((3, 32, 32), dtype=np.uint8), np.full((3, 32, 32), 255, dtype=np.uint8)
    vectors = colour_grid.encode([white, black, white])
    assert np.isnan(vectors[1]).all()
    assert np.allclose(vectors[[0, 2]], 1 / np.sqrt(48))


def test_the_network_sees_the_centre(colour_grid: Encoder) -> None:
    picture = Image.new("RGB", (96, 32), "red")
    picture.paste("lime", (32, 0, 64, 32))
    assert (colour_grid.prepare(picture) == np.array([0, 255, 0])[:, None, None]).all()


def test_a_picture_of_extreme_shape_takes_no_more_memory_than_another(colour_grid: Encoder) -> None:
    # Resized as a whole it would be 32 x 64,000,000 pixels.
    assert colour_grid.prepare(Image.new("RGB", (1, 2_000_000), "white")).min() == 255


def test_a_jpeg_decoded_at_a_reduced_scale_has_the_vector_of_the_whole(shipped: Encoder) -> None:
    content = io.BytesIO()
    _photograph(2000, 3000).save(content, "JPEG", quality=90)
    whole = read_rgb(content.getvalue(), max_pixels=10**7)
    reduced = read_rgb(content.getvalue(), max_pixels=10**7, at_least=shipped.at_least)
    assert reduced.width < whole.width
    first, second = shipped.encode([shipped.prepare(whole), shipped.prepare(reduced)])
    assert 1 - first @ second <= 1e-3


def test_an_intact_manifest_with_weights_that_are_none_is_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(COLOUR_GRID, tmp_path / "encoder"))
    (folder / "encoder.onnx").write_bytes(b"no network")
    replace(EncoderManifest.read(COLOUR_GRID), files=checksums(folder, ["encoder.onnx"])).write(folder)
    with pytest.raises(BadArtifact, match="cannot load the encoder"):
        Encoder.open(folder)


def test_a_network_that_is_not_the_one_described_is_refused(tmp_path: Path) -> None:
    replace(EncoderManifest.read(COLOUR_GRID), dimension=47).write(tmp_path)
    shutil.copy(COLOUR_GRID / "encoder.onnx", tmp_path)
    with pytest.raises(BadArtifact, match="is not the network that its manifest describes"):
        Encoder.open(tmp_path)


def test_reading_manifests_and_pictures_loads_neither_torch_nor_onnx_runtime() -> None:
    program = (
        "import sys, ml.encoder, ml.artifacts, ml.images, ml.records; print({'torch', 'onnxruntime'} & {*sys.modules})"
    )
    answer = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout == "set()\n"


@pytest.mark.torch
@pytest.mark.parametrize("size", [(96, 96), (640, 480), (481, 640), (97, 300), (1000, 96), (50, 40), (31, 77), (1, 9)])
def test_preparation_is_that_of_torchvision(shipped: Encoder, size: tuple[int, int]) -> None:
    pytest.importorskip("torch")
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    usual = Compose([Resize(96, InterpolationMode.BILINEAR, antialias=True), CenterCrop(96)])
    picture = _photograph(size[1], size[0])
    expected = np.asarray(usual(picture)).transpose(2, 0, 1)
    difference = np.abs(shipped.prepare(picture).astype(int) - expected)
    assert difference.max() <= 1


@pytest.mark.torch
def test_the_shipped_encoder_gives_the_vectors_of_the_weights_it_was_made_from(shipped: Encoder) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file
    from torchvision.models import resnet18

    if not REFERENCE.is_file():
        pytest.skip(f"THE WEIGHTS ARE MISSING: no file {REFERENCE}; set WINNOW_REFERENCE_WEIGHTS")
    network = resnet18(weights=None)
    network.fc = torch.nn.Identity()
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(REFERENCE).items()})
    pixels = np.stack([shipped.prepare(_photograph(120, 160, seed)) for seed in range(8)])
    with torch.no_grad():
        expected = network.eval()((torch.from_numpy(pixels) / 255 - 0.45) / 0.25)
    expected = torch.nn.functional.normalize(expected).numpy()
    assert (1 - (shipped.encode(list(pixels)) * expected).sum(axis=1) <= 1e-3).all()


def _photograph(height: int, width: int, seed: int = 0) -> Image.Image:
    """Return noise whose detail falls off with frequency as in photographs, in colour."""
    generator = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    spectra = np.exp(2j * np.pi * generator.random((3, *frequency.shape))) / frequency
    values = np.fft.irfft2(spectra, s=(height, width)).transpose(1, 2, 0)
    values = 120 + 55 * (values - values.mean()) / max(values.std(), 1e-9)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))
