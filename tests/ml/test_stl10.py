"""STL-10's binary files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml import stl10
from ml.images import UnreadableImage


@pytest.fixture
def pixels() -> np.ndarray:
    """Three pictures, (3, 96, 96, 3): row, column, colour."""
    return np.random.default_rng(0).integers(0, 256, (3, 96, 96, 3), dtype=np.uint8)


@pytest.fixture
def binary(tmp_path: Path, pixels: np.ndarray) -> Path:
    path = tmp_path / "train_X.bin"
    path.write_bytes(b"".join(_as_stl10_stores_it(picture) for picture in pixels))
    return path


def test_every_picture_comes_back_upright(binary: Path, pixels: np.ndarray) -> None:
    assert stl10.record_count(binary) == 3
    for number, picture in enumerate(pixels):
        assert np.array_equal(stl10.record_rgb(stl10.record_bytes(binary, number)), picture)


def test_labels_are_numbers_from_one_with_the_names_of_stl10(binary: Path) -> None:
    binary.with_name("train_y.bin").write_bytes(bytes([1, 10, 3]))
    assert stl10.record_labels(binary) == ["airplane", "truck", "car"]


def test_names_beside_the_labels_are_used(binary: Path) -> None:
    binary.with_name("train_y.bin").write_bytes(bytes([2, 1, 1]))
    binary.with_name("class_names.txt").write_text("sun\nmoon\n")
    assert stl10.record_labels(binary) == ["moon", "sun", "sun"]


def test_without_labels_there_are_none(binary: Path) -> None:
    assert stl10.record_labels(binary) is None


@pytest.mark.parametrize("labels", [bytes([1, 2]), bytes([1, 2, 11]), bytes([0, 1, 2])])
def test_labels_that_do_not_fit_are_refused(binary: Path, labels: bytes) -> None:
    binary.with_name("train_y.bin").write_bytes(labels)
    with pytest.raises(UnreadableImage, match="labels"):
        stl10.record_labels(binary)


def test_a_file_that_ends_within_a_picture_is_truncated(binary: Path) -> None:
    binary.write_bytes(binary.read_bytes()[:-1])
    with pytest.raises(UnreadableImage, match="is truncated"):
        stl10.record_count(binary)


def test_a_record_beyond_the_end_is_named(binary: Path) -> None:
    with pytest.raises(UnreadableImage, match="has no record 3"):
        stl10.record_bytes(binary, 3)


@pytest.mark.parametrize(
    "name, expected",
    [("unlabeled_X.bin", True), ("test_X.bin", True), ("train_y.bin", False), ("X.bin", False), ("a.jpg", False)],
)
def test_stl10_files_are_known_by_their_names(name: str, expected: bool) -> None:
    assert stl10.is_record_file(Path(name)) is expected


def _as_stl10_stores_it(picture: np.ndarray) -> bytes:
    """Write red, green, blue; each column after column: the slow and obvious way."""
    return bytes(picture[row, column, colour] for colour in range(3) for column in range(96) for row in range(96))
