"""Embedding and indexing: what gets a vector, what is left out and why, what is not done twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
import pytest
from PIL import Image

from ml import stl10
from ml.artifacts import BadArtifact, IndexManifest
from ml.embed import embed
from ml.encoder import Encoder
from ml.images import ListedImage, read_rgb
from ml.index import Pictures, build_index
from ml.progress import JsonLines
from ml.vectors import LeftOut, read_vectors
from tests.ml.conftest import MakePictures, listed

Embed = Callable[..., list[LeftOut]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


@pytest.fixture
def embed_all(colour_grid: Encoder, out: Path) -> Embed:
    """Embed images into `out`."""

    def run(images: list[ListedImage], *, encoder: Encoder = colour_grid, **options: object) -> list[LeftOut]:
        defaults = {"threads": 2, "max_pixels": 10_000, "progress": JsonLines()}
        return embed(encoder, images, out, **(defaults | options))

    return run


def test_every_picture_gets_the_vector_that_the_encoder_gives_it(
    pictures: MakePictures, embed_all: Embed, out: Path, colour_grid: Encoder
) -> None:
    images = pictures(100)
    assert embed_all(images) == []
    content = read_vectors(out)
    assert [digest.tobytes().hex() for digest in content.digests] == sorted(image.id for image in images)
    for image in images[::10]:
        expected = colour_grid.encode([colour_grid.prepare(read_rgb(image.path, max_pixels=10_000))])[0]
        assert np.allclose(_vector_of(image, out), expected, atol=1e-6)


def test_what_cannot_be_embedded_is_left_out_with_a_reason(
    pictures: MakePictures, embed_all: Embed, out: Path, tmp_path: Path
) -> None:
    images = pictures(4)
    images[0].path.unlink()
    images[1].path.write_bytes(images[2].path.read_bytes())
    (tmp_path / "black.png").write_bytes(b"")
    Image.new("RGB", (40, 40)).save(tmp_path / "black.png")
    (tmp_path / "text.jpg").write_text("hello")
    Image.new("RGB", (200, 200), "red").save(tmp_path / "large.png")
    odd = [listed(tmp_path / name) for name in ("black.png", "text.jpg", "large.png")]
    left_out = embed_all([*images, *odd])
    assert {Path(entry.path).name: entry.reason for entry in left_out} == {
        "0000.png": "is not there",
        "0001.png": "has changed since it was listed",
        "black.png": "has no vector: the encoder's output is zero or not finite",
        "text.jpg": "is not a picture in JPEG, PNG, WebP, GIF, BMP or TIFF",
        "large.png": "has 200 x 200 pixels, more than the 10,000 allowed",
    }
    lines = [json.loads(line) for line in (out / "left_out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [entry.id for entry in left_out]
    assert len(read_vectors(out).digests) == 2


def test_run_again_it_tries_only_what_was_left_out(pictures: MakePictures, embed_all: Embed, out: Path) -> None:
    images = pictures(40)
    aside = images[7].path.rename(images[7].path.with_suffix(".aside"))
    assert [entry.path for entry in embed_all(images)] == [str(images[7].path)]
    before = {path: path.read_bytes() for path in out.glob("shard-*")}
    aside.rename(images[7].path)
    for image in images[8:]:
        image.path.unlink()
    assert embed_all(images) == []
    assert len(read_vectors(out).digests) == 40
    assert {path: path.read_bytes() for path in before} == before


def test_a_list_that_has_changed_meanwhile_is_followed(pictures: MakePictures, embed_all: Embed, out: Path) -> None:
    images = pictures(50)
    embed_all(images[:30])
    embed_all(images[10:])
    content = read_vectors(out)
    assert {digest.tobytes().hex() for digest in content.digests} == {image.id for image in images[10:]}


def test_an_image_listed_twice_has_one_vector(pictures: MakePictures, embed_all: Embed, out: Path) -> None:
    images = pictures(3)
    embed_all([*images, *images])
    assert len(read_vectors(out).digests) == 3


def test_records_of_stl10_files_are_embedded(embed_all: Embed, out: Path, tmp_path: Path) -> None:
    binary = tmp_path / "unlabeled_X.bin"
    binary.write_bytes(np.random.default_rng(0).integers(0, 256, 3 * stl10.RECORD_BYTES, dtype=np.uint8).tobytes())
    images = []
    for record in range(3):
        single = tmp_path / f"{record}"
        single.write_bytes(stl10.record_bytes(binary, record))
        images.append(ListedImage(listed(single).id, binary, record))
    assert embed_all([*images, ListedImage("0" * 64, binary, 9)])[0].reason == "has no record 9"
    assert len(read_vectors(out).digests) == 3


def test_vectors_of_another_encoder_are_not_mixed_in(
    pictures: MakePictures, embed_all: Embed, shipped: Encoder
) -> None:
    embed_all(pictures(2))
    with pytest.raises(BadArtifact, match=r"holds vectors of another encoder \(colour-grid\)"):
        embed_all(pictures(2), encoder=shipped)


def test_a_damaged_shard_is_named(pictures: MakePictures, embed_all: Embed, out: Path) -> None:
    images = pictures(2)
    embed_all(images)
    shard = out / "shard-000000.npz"
    shard.write_bytes(shard.read_bytes()[:-10])
    with pytest.raises(BadArtifact, match=r"shard-000000.npz is damaged; delete it and run"):
        embed_all(images)


def test_a_vector_that_is_not_finite_is_left_out_and_the_index_goes_without(
    pictures: MakePictures, embed_all: Embed, out: Path, tmp_path: Path, colour_grid: Encoder
) -> None:
    class Overflowing:
        manifest, framing, batch = colour_grid.manifest, colour_grid.framing, colour_grid.batch

        def encode(self, prepared: list[np.ndarray]) -> np.ndarray:
            vectors = colour_grid.encode(prepared)
            vectors[0] = np.nan
            return vectors

    images = pictures(5)
    left_out = embed_all(images, encoder=Overflowing())
    assert [(entry.id, entry.reason) for entry in left_out] == [
        (images[0].id, "has no vector: the encoder's output is zero or not finite")
    ]
    manifest = build_index(out, tmp_path / "index", progress=JsonLines())
    assert (manifest.count, manifest.left_out) == (4, 1)
    assert json.loads((tmp_path / "index" / "left_out.jsonl").read_text())["id"] == images[0].id


def test_an_index_tells_which_pictures_are_near_identical_if_it_may_look_at_them(
    pictures: MakePictures, embed_all: Embed, out: Path, tmp_path: Path
) -> None:
    images = pictures(20)
    copy = tmp_path / "copy.png"
    Image.open(images[3].path).resize((60, 60)).save(copy)
    images.append(listed(copy))
    embed_all(images)
    build_index(out, tmp_path / "index", pictures=Pictures(images, 10_000), progress=JsonLines())
    stacks, digests = np.load(tmp_path / "index" / "stacks.npy"), np.load(tmp_path / "index" / "images.npy")
    assert (stacks.dtype, stacks.shape) == (np.int32, (21,))
    (row,) = np.flatnonzero(stacks != np.arange(21))
    assert {digests[row].tobytes().hex(), digests[stacks[row]].tobytes().hex()} == {images[3].id, images[20].id}

    without = build_index(out, tmp_path / "without", progress=JsonLines())
    assert "stacks.npy" not in without.files


def test_an_index_holds_the_vectors_in_the_order_of_ids(
    pictures: MakePictures, embed_all: Embed, out: Path, tmp_path: Path
) -> None:
    images = pictures(100)
    images[3].path.unlink()
    embed_all(images)
    manifest = build_index(out, tmp_path / "index", progress=JsonLines())
    assert (manifest.encoder, manifest.count, manifest.left_out, manifest.dimension) == ("colour-grid", 99, 1, 48)
    assert IndexManifest.read(tmp_path / "index") == manifest
    digests = np.load(tmp_path / "index" / "images.npy")
    vectors = faiss.read_index(str(tmp_path / "index" / "index.faiss")).reconstruct_n(0, 99)
    assert [digest.tobytes() for digest in digests] == sorted(digest.tobytes() for digest in digests)
    assert np.array_equal(vectors, read_vectors(out).vectors)
    statistics = np.load(tmp_path / "index" / "statistics.npz")
    assert np.allclose(statistics["mean"], vectors.mean(axis=0), atol=1e-6)
    assert np.allclose(statistics["covariance"], np.cov(vectors.T, bias=True), atol=1e-6)
    (left_out,) = (tmp_path / "index" / "left_out.jsonl").read_text().splitlines()
    assert json.loads(left_out) == {"id": images[3].id, "path": str(images[3].path), "reason": "is not there"}


def test_vectors_that_an_index_has_are_taken_over(
    pictures: MakePictures, colour_grid: Encoder, embed_all: Embed, out: Path, tmp_path: Path
) -> None:
    images = pictures(40)
    embed_all(images[:20])
    build_index(out, tmp_path / "index", progress=JsonLines())
    vectors = {image.id: _vector_of(image, out) for image in images[:20]}
    for image in images[:20]:
        image.path.unlink()
    options = {"threads": 1, "max_pixels": 10_000, "progress": JsonLines(), "reuse": tmp_path / "index"}
    assert embed(colour_grid, images[10:], tmp_path / "more", **options) == []
    assert len(read_vectors(tmp_path / "more").digests) == 30
    for image in images[10:20]:
        assert np.array_equal(_vector_of(image, tmp_path / "more"), vectors[image.id])


def test_vectors_of_an_index_under_another_encoder_are_not_taken_over(
    pictures: MakePictures, shipped: Encoder, embed_all: Embed, out: Path, tmp_path: Path
) -> None:
    images = pictures(2)
    embed_all(images)
    build_index(out, tmp_path / "index", progress=JsonLines())
    options = {"threads": 1, "max_pixels": 10_000, "progress": JsonLines(), "reuse": tmp_path / "index"}
    embed(shipped, images, tmp_path / "other", **options)
    assert read_vectors(tmp_path / "other").vectors.shape == (2, 512)


def test_there_is_no_index_of_nothing(pictures: MakePictures, embed_all: Embed, out: Path, tmp_path: Path) -> None:
    images = pictures(1)
    images[0].path.unlink()
    embed_all(images)
    with pytest.raises(BadArtifact, match="There is nothing to index"):
        build_index(out, tmp_path / "index", progress=JsonLines())
    assert not (tmp_path / "index").exists()


def test_an_index_is_never_built_over_another(
    pictures: MakePictures, embed_all: Embed, out: Path, tmp_path: Path
) -> None:
    embed_all(pictures(2))
    build_index(out, tmp_path / "index", progress=JsonLines())
    with pytest.raises(BadArtifact, match="is there already"):
        build_index(out, tmp_path / "index", progress=JsonLines())


def test_vectors_of_different_dimensions_make_no_index(
    pictures: MakePictures, embed_all: Embed, out: Path, tmp_path: Path
) -> None:
    embed_all(pictures(2))
    digests = np.load(out / "shard-000000.npz")["digests"]
    np.savez(out / "shard-000001.npz", digests=digests, vectors=np.ones((2, 7), dtype=np.float32))
    with pytest.raises(BadArtifact, match="differ in dimension"):
        build_index(out, tmp_path / "index", progress=JsonLines())


def test_a_folder_that_holds_no_vectors_makes_no_index(tmp_path: Path) -> None:
    with pytest.raises(BadArtifact, match="is no folder of vectors"):
        build_index(tmp_path, tmp_path / "index", progress=JsonLines())


def _vector_of(image: ListedImage, folder: Path) -> np.ndarray:
    content = read_vectors(folder)
    (row,) = (row for row, digest in enumerate(content.digests) if digest.tobytes().hex() == image.id)
    return content.vectors[row]
