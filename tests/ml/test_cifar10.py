"""CIFAR-10's binary files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ml import cifar10
from ml.images import UnreadableImage
from tests.ml.record_writing import noise, write_cifar10


@pytest.fixture
def pixels() -> np.ndarray:
    """Three pictures, (3, 32, 32, 3): row, column, colour."""
    return noise(3, 32)


@pytest.fixture
def binary(tmp_path: Path, pixels: np.ndarray) -> Path:
    return write_cifar10(tmp_path / "data_batch_1.bin", pixels, [6, 9, 0])


def test_a_record_is_a_label_and_the_rows_of_three_planes(binary: Path, pixels: np.ndarray) -> None:
    # The slow and obvious way.
    picture = bytes(pixels[0][row, column, colour] for colour in range(3) for row in range(32) for column in range(32))
    assert binary.read_bytes()[:3073] == bytes([6]) + picture


def test_every_picture_comes_back_upright(binary: Path, pixels: np.ndarray) -> None:
    assert cifar10.record_count(binary) == 3
    for number, picture in enumerate(pixels):
        assert np.array_equal(cifar10.record_rgb(cifar10.record_bytes(binary, number)), picture)


def test_mapped_records_are_the_records(binary: Path) -> None:
    mapped = cifar10.mapped_records(binary)
    assert isinstance(mapped, np.memmap)
    assert [row.tobytes() for row in mapped] == [cifar10.record_bytes(binary, number) for number in range(3)]


def test_a_picture_is_the_same_image_whatever_it_is_labelled_as(tmp_path: Path, pixels: np.ndarray) -> None:
    files = [write_cifar10(tmp_path / f"data_batch_{label}.bin", pixels, [label] * 3) for label in (1, 2)]
    one, other = (hashlib.sha256(cifar10.record_bytes(file, 0)).digest() for file in files)
    assert one == other


def test_labels_are_numbers_from_zero_with_the_names_of_cifar10(binary: Path) -> None:
    assert cifar10.record_labels(binary) == ["frog", "truck", "airplane"]


def test_names_beside_the_file_are_used(binary: Path) -> None:
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    binary.with_name("batches.meta.txt").write_text("\n".join(names) + "\n\n")
    assert cifar10.record_labels(binary) == ["six", "nine", "zero"]


def test_a_label_without_a_name_is_refused(binary: Path) -> None:
    binary.with_name("batches.meta.txt").write_text("cat\ndog\n")
    with pytest.raises(UnreadableImage, match="has labels that are not between 0 and 1"):
        cifar10.record_labels(binary)


def test_a_file_that_ends_within_a_picture_is_truncated(binary: Path) -> None:
    binary.write_bytes(binary.read_bytes()[:-1])
    with pytest.raises(UnreadableImage, match="is truncated"):
        cifar10.record_count(binary)


def test_a_record_beyond_the_end_is_named(binary: Path) -> None:
    with pytest.raises(UnreadableImage, match="has no record 3"):
        cifar10.record_bytes(binary, 3)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("data_batch_1.bin", True),
        ("test_batch.bin", True),
        ("data_batch.bin", False),
        ("data_batch_1", False),
        ("train_X.bin", False),
    ],
)
def test_cifar10_files_are_known_by_their_names(name: str, expected: bool) -> None:
    assert cifar10.is_record_file(Path(name)) is expected
