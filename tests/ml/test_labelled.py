"""Labelled folders: which class and which split each picture belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ml.labelled import NoLabels, labelled_images
from ml.progress import JsonLines
from tests.ml.record_writing import noise, write_cifar10, write_stl10

Read = list[tuple[str, str, str | None]]


def read(folder: Path) -> Read:
    """Return the name, class and split of each image."""
    return [(entry.image.path.name, entry.label, entry.split) for entry in labelled_images(folder, JsonLines())]


def lay(folder: Path, *paths: str) -> None:
    for number, path in enumerate(paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2), (number, 0, 0)).save(folder / path)


def test_a_folder_is_a_class(tmp_path: Path) -> None:
    lay(tmp_path, "cat/1.png", "dog/2.png", "dog/puppies/3.png", "cover.png")
    assert read(tmp_path) == [("1.png", "cat", None), ("2.png", "dog", None), ("3.png", "dog", None)]


@pytest.mark.parametrize(
    "name, split", [("train", "train"), ("val", "val"), ("valid", "val"), ("Validation", "val"), ("test", "test")]
)
def test_folders_at_the_top_that_are_named_so_are_splits(tmp_path: Path, name: str, split: str) -> None:
    lay(tmp_path, f"{name}/cat/1.png", "train/dog/2.png")
    assert {(label, told) for _, label, told in read(tmp_path)} == {("cat", split), ("dog", "train")}


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    lay(tmp_path, "train/1.png", "tram/2.png")
    assert read(tmp_path) == [("1.png", "train", None), ("2.png", "tram", None)]


def test_pictures_of_a_split_without_a_class_are_passed_over(tmp_path: Path) -> None:
    lay(tmp_path, "train/cat/1.png", "train/dog/2.png", "unlabeled/3.png")
    assert [name for name, *_ in read(tmp_path)] == ["1.png", "2.png"]


def test_stl10_brings_labels_and_splits(tmp_path: Path) -> None:
    write_stl10(tmp_path / "train_X.bin", noise(2, 96, seed=1), [1, 2])
    write_stl10(tmp_path / "test_X.bin", noise(1, 96, seed=2), [10])
    write_stl10(tmp_path / "unlabeled_X.bin", noise(1, 96, seed=3))
    assert read(tmp_path) == [
        ("test_X.bin", "truck", "test"),
        ("train_X.bin", "airplane", "train"),
        ("train_X.bin", "bird", "train"),
    ]


def test_cifar10_brings_labels_and_splits(tmp_path: Path) -> None:
    write_cifar10(tmp_path / "data_batch_1.bin", noise(1, 32, seed=1), [3])
    write_cifar10(tmp_path / "test_batch.bin", noise(1, 32, seed=2), [5])
    assert read(tmp_path) == [("data_batch_1.bin", "cat", "train"), ("test_batch.bin", "dog", "test")]


@pytest.mark.parametrize("paths", [["1.png", "2.png"], ["cat/1.png"], ["train/1.png", "test/2.png"]])
def test_without_two_classes_a_sentence_says_how_to_lay_them_out(tmp_path: Path, paths: list[str]) -> None:
    lay(tmp_path, *paths)
    with pytest.raises(NoLabels, match="not of two classes or more: lay them out as CLASS/FILE or SPLIT/CLASS/FILE"):
        read(tmp_path)


def test_labels_that_do_not_fit_their_pictures_are_named(tmp_path: Path) -> None:
    write_stl10(tmp_path / "train_X.bin", noise(2, 96), [1])
    with pytest.raises(NoLabels, match=r"train_X\.bin has 2 pictures, but train_y\.bin has 1 labels"):
        read(tmp_path)
