"""Files of records, whichever their kind: listed, opened, and found changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ml import records
from ml.folder import list_folder, list_images
from ml.images import BadList, ListedImage, UnreadableImage, write_list
from ml.originals import original_rgb
from ml.progress import JsonLines
from tests.ml.record_writing import noise, write_cifar10, write_stl10

STL10, CIFAR10 = noise(3, 96), noise(2, 32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files of records: five images."""
    write_cifar10(tmp_path / "data_batch_1.bin", CIFAR10, [3, 5])
    write_stl10(tmp_path / "train_X.bin", STL10, [1, 10, 3])
    return tmp_path


def test_each_file_is_read_as_what_its_name_says(folder: Path) -> None:
    cifar10, stl10 = folder / "data_batch_1.bin", folder / "train_X.bin"
    assert [records.record_format(file) for file in (cifar10, stl10)] == ["CIFAR10", "STL10"]
    assert [records.record_count(file) for file in (cifar10, stl10)] == [2, 3]
    assert records.record_labels(cifar10) == ["cat", "dog"]
    assert records.record_labels(stl10) == ["airplane", "truck", "car"]
    assert [records.record_split(file) for file in (cifar10, stl10)] == ["train", "train"]
    assert not records.is_record_file(folder / "train_y.bin")


def test_a_folder_lists_every_record_by_the_digest_of_its_bytes(folder: Path) -> None:
    images, left_out = list_folder(folder, JsonLines())
    assert not left_out
    assert [(image.path.name, image.record) for image in images] == [
        *(("data_batch_1.bin", record) for record in range(2)),
        *(("train_X.bin", record) for record in range(3)),
    ]
    assert images[0].id == hashlib.sha256((folder / "data_batch_1.bin").read_bytes()[1:3073]).hexdigest()
    assert images[3].id == hashlib.sha256((folder / "train_X.bin").read_bytes()[27648:55296]).hexdigest()


def test_one_file_or_a_list_will_do_for_a_folder(folder: Path) -> None:
    images, _ = list_images(folder / "train_X.bin", JsonLines())
    assert images == list_images(folder, JsonLines())[0][2:]
    write_list(folder / "images.jsonl", images)
    assert list_images(folder / "images.jsonl", JsonLines()) == (images, [])


def test_a_file_of_records_that_is_cut_off_is_named(folder: Path) -> None:
    file = folder / "train_X.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(BadList, match=r"train_X\.bin is truncated"):
        list_images(file, JsonLines())
    assert [entry.path for entry in list_folder(folder, JsonLines())[1]] == [str(file)]


def test_a_listed_record_is_the_picture(folder: Path) -> None:
    images, _ = list_folder(folder, JsonLines())
    for image, picture in zip(images, [*CIFAR10, *STL10], strict=True):
        assert np.array_equal(original_rgb(image, max_pixels=10**6, at_least=1), picture)


@pytest.mark.parametrize(
    "record, reason", [(0, "has changed since it was listed"), (3, "has no record 3")], ids=["changed", "beyond"]
)
def test_a_record_that_is_not_what_was_listed_has_a_reason(folder: Path, record: int, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        original_rgb(ListedImage("0" * 64, folder / "train_X.bin", record), max_pixels=10**6, at_least=1)
