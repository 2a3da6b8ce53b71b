from __future__ import annotations

import io
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.search.query_vectors import EncoderGone, EncoderShelf
from ml.artifacts import EncoderManifest
from ml.encoder import Encoder
from ml.images import UnreadableImage
from tests.ml.colour_grid import FOLDER

MANIFEST = EncoderManifest.read(FOLDER)
MAX_PIXELS = 10_000


@pytest.fixture
def shelf(tmp_path: Path) -> EncoderShelf:
    return EncoderShelf([tmp_path / "none here", FOLDER.parent])


def vector(shelf: EncoderShelf, data: bytes) -> list[float]:
    return shelf.vector(FOLDER.name, MANIFEST.digest, data, max_pixels=MAX_PIXELS).tolist()


def picture(side: int = 40, colours: int = 256) -> bytes:
    pixels = np.random.default_rng(7).integers(colours, size=(side, side, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_an_upload_gets_the_vector_that_the_pool_would_give_it(shelf: EncoderShelf) -> None:
    encoder = Encoder.open(FOLDER)
    expected = encoder.encode([encoder.prepare(Image.open(io.BytesIO(picture())))])[0]

    assert vector(shelf, picture()) == expected.tolist()
    assert np.linalg.norm(expected) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"Dear Sir or Madam", "picture"),
        (picture()[:-500], "truncated"),
        (picture(side=101), "pixels"),
    ],
    ids=["empty", "text", "truncated", "too many pixels"],
)
def test_what_is_no_picture_is_refused_with_the_reason(shelf: EncoderShelf, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        vector(shelf, data)


def test_a_picture_that_the_encoder_sees_nothing_in_is_refused(shelf: EncoderShelf) -> None:
    with pytest.raises(UnreadableImage, match="shows nothing"):
        vector(shelf, picture(colours=1))


def test_an_encoder_that_took_over_the_name_is_not_used(shelf: EncoderShelf) -> None:
    with pytest.raises(EncoderGone):
        shelf.vector(FOLDER.name, "0" * 64, picture(), max_pixels=MAX_PIXELS)


def test_the_encoder_is_found_behind_another_of_its_name(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / FOLDER.name)
    (tmp_path / FOLDER.name / "manifest.json").write_text("{}")
    shelf = EncoderShelf([tmp_path, FOLDER.parent])

    assert len(vector(shelf, picture())) == MANIFEST.dimension


def test_a_damaged_encoder_counts_as_gone(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / FOLDER.name)
    weights = tmp_path / FOLDER.name / "encoder.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")

    with pytest.raises(EncoderGone):
        vector(EncoderShelf([tmp_path]), picture())


def test_threads_that_ask_at_once_get_the_same_vector(shelf: EncoderShelf) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: tuple(vector(shelf, picture())), range(16)))

    assert len(set(answers)) == 1
