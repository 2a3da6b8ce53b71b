"""Where a map's vectors come from, and what is no such thing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.artifacts import BadArtifact, IndexManifest
from ml.maps.source import BadVectors, Source, from_array, from_folder, from_index
from tests.ml.maps.conftest import ENCODER, Vectors

ROWS = np.array([0, 7, 399])


def test_an_index_its_folder_and_an_array_give_the_same_rows(
    clusters: tuple[Vectors, object], digests: np.ndarray, vectors: Path, index: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "vectors.npy", clusters[0])
    (tmp_path / "ids.txt").write_text("\n".join(digest.tobytes().hex() for digest in digests))
    sources = [from_index(index), from_folder(vectors), from_array(tmp_path / "vectors.npy", tmp_path / "ids.txt")]
    for source in sources:
        np.testing.assert_array_equal(_read(source, ROWS), clusters[0][ROWS])
        np.testing.assert_array_equal(source.digests, digests)
        assert (source.count, source.dimension) == clusters[0].shape
    assert [source.encoder_digest for source in sources] == [ENCODER.digest, ENCODER.digest, None]
    assert sources[0].index_digest == IndexManifest.read(index).digest


def test_many_rows_come_in_portions(tmp_path: Path) -> None:
    np.save(tmp_path / "many.npy", np.arange(40_000).reshape(20_000, 2))
    portions = list(from_array(tmp_path / "many.npy").read(np.arange(20_000)))
    assert max(map(len, portions)) < 10_000
    np.testing.assert_array_equal(np.concatenate(portions).ravel(), np.arange(40_000))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_that_is_not_finite_is_named(tmp_path: Path, value: float) -> None:
    array = np.ones((10_000, 3))
    array[9_000, 1] = value
    np.save(tmp_path / "holes.npy", array)
    source = from_array(tmp_path / "holes.npy")
    with pytest.raises(BadVectors, match=r"Row 9000 of .*holes\.npy"):
        _read(source, np.arange(10_000))
    assert len(_read(source, np.arange(9_000))) == 9_000


@pytest.mark.parametrize(
    "content", [np.ones(4), np.ones((2, 2, 2)), np.ones((3, 0)), np.array([["a"]]), np.ones((2, 2), dtype=complex)]
)
def test_other_arrays_are_refused(tmp_path: Path, content: np.ndarray) -> None:
    np.save(tmp_path / "other.npy", content)
    with pytest.raises(BadVectors, match="holds no vectors"):
        from_array(tmp_path / "other.npy")


@pytest.mark.parametrize("content", [b"", b"not an array at all", b"\x93NUMPY\x01\x00"])
def test_what_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.npy").write_bytes(content)
    with pytest.raises(BadVectors, match="is no array"):
        from_array(tmp_path / "file.npy")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(BadVectors):
        from_array(tmp_path / "objects.npy")


@pytest.mark.parametrize(
    "ids, sentence",
    [("ab" * 32, "names 1 images for 2 vectors"), ("ab" * 32 + "\nimage.jpg", "Line 2 of .* is no id")],
)
def test_ids_that_do_not_fit_are_refused(tmp_path: Path, ids: str, sentence: str) -> None:
    np.save(tmp_path / "two.npy", np.ones((2, 2)))
    (tmp_path / "ids.txt").write_text(ids)
    with pytest.raises(BadVectors, match=sentence):
        from_array(tmp_path / "two.npy", tmp_path / "ids.txt")


def test_an_unfinished_folder_is_refused(vectors: Path) -> None:
    (vectors / "complete.npz").unlink()
    with pytest.raises(BadArtifact, match="not finished"):
        from_folder(vectors)


def _read(source: Source, rows: np.ndarray) -> np.ndarray:
    return np.concatenate(list(source.read(rows)))
