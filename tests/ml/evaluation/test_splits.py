"""Which labelled images are learnt from, and which are asked about."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ml.evaluation.splits import BadLabels, held_out, split_of
from ml.images import ListedImage
from ml.labelled import LabelledImage


def _images(count: int, label: str, split: str | None = None, first: int = 0) -> list[LabelledImage]:
    return [_image(f"{split} {label} {number}", label, split) for number in range(first, first + count)]


def _image(content: str, label: str, split: str | None = None) -> LabelledImage:
    return LabelledImage(ListedImage(hashlib.sha256(content.encode()).hexdigest(), Path(content)), label, split)


def test_parts_are_taken_as_they_are_laid_out() -> None:
    labelled = [
        *_images(3, "b", "train"),
        *_images(4, "a", "train"),
        *_images(2, "a", "test"),
        *_images(1, "b", "test"),
    ]
    split = split_of(labelled, seed=0)
    assert split.classes == ["a", "b"]
    assert Counter(split.train_labels.tolist()) == {0: 4, 1: 3}
    assert Counter(split.test_labels.tolist()) == {0: 2, 1: 1}
    assert all(str(image.path).startswith("test a") for image in np.array(split.test)[split.test_labels == 0])
    assert (split.rule, split.notes) == ("the parts train and test as they are laid out", [])


def test_val_is_the_test_where_there_is_no_other() -> None:
    labelled = [image for label in "ab" for part in ("train", "val") for image in _images(3, label, part)]
    assert split_of(labelled, seed=0).rule == "the parts train and val as they are laid out"
    with_test = split_of([*labelled, *_images(5, "a", "test"), *_images(5, "b", "test")], seed=0)
    assert (len(with_test.train), len(with_test.test)) == (6, 10)
    assert with_test.notes == ["Images left out, of other parts: 6."]


def test_without_parts_a_fifth_of_each_class_is_drawn() -> None:
    labelled = [*_images(50, "a"), *_images(10, "b"), *_images(2, "c")]
    split = split_of(labelled, seed=0)
    assert Counter(split.test_labels.tolist()) == {0: 10, 1: 2, 2: 1}
    assert len(split.train) == 49
    assert split.rule == "a fifth of each class is the test, drawn with seed 0"
    assert split.fingerprint == split_of(labelled, seed=0).fingerprint
    assert split.fingerprint != split_of(labelled, seed=1).fingerprint


def test_the_fingerprint_is_of_the_content() -> None:
    labelled = [image for label in "ab" for part in ("train", "test") for image in _images(3, label, part)]
    fingerprint = split_of(labelled, seed=0).fingerprint
    assert split_of(labelled[::-1], seed=3).fingerprint == fingerprint
    renamed = [LabelledImage(image.image, image.label.replace("b", "c"), image.split) for image in labelled]
    assert split_of(renamed, seed=0).fingerprint != fingerprint


def test_no_image_is_learnt_from_and_tested() -> None:
    labelled = [image for label in "ab" for part in ("train", "test") for image in _images(3, label, part)]
    copy = LabelledImage(labelled[3].image, "a", "train")
    split = split_of([copy, *labelled], seed=0)
    assert not {image.id for image in split.train} & {image.id for image in split.test}
    assert len(split.test) == 6
    assert split.notes == ["Images left out, copies of others: 1."]


def test_an_image_in_two_classes_belongs_to_none() -> None:
    labelled = [image for label in "ab" for part in ("train", "test") for image in _images(3, label, part)]
    split = split_of([*labelled, LabelledImage(labelled[0].image, "b", "train")], seed=0)
    assert len(split.train) == 5
    assert split.notes == ["Images left out, in several classes at once: 2."]


def test_what_cannot_be_learnt_is_not_asked() -> None:
    labelled = [image for label in "ab" for part in ("train", "test") for image in _images(3, label, part)]
    split = split_of([*labelled, *_images(4, "c", "test")], seed=0)
    assert (split.classes, len(split.test)) == (["a", "b"], 6)
    assert split.notes == ["Images left out, their class having none to learn from: 4."]
    alone = split_of([*_images(5, "a"), *_images(5, "b"), *_images(1, "c")], seed=0)
    assert (alone.classes, alone.notes) == (["a", "b"], ["Images left out, alone in their class: 1."])


@pytest.mark.parametrize(
    ("labelled", "sentence"),
    [
        ([], "can be read: 0"),
        (_images(9, "a"), "can be read: 1"),
        ([*_images(9, "a"), *_images(1, "b")], "can be read: 1"),
        ([*_images(5, "a", "train"), *_images(5, "b", "train"), *_images(1, "c", "test")], "nothing to test"),
        ([*_images(1, "a", "train"), *_images(1, "b", "train"), *_images(3, "b", "test")], "one image of each class"),
    ],
)
def test_too_little_is_refused(labelled: list[LabelledImage], sentence: str) -> None:
    with pytest.raises(BadLabels, match=sentence):
        split_of(labelled, seed=0)


def test_a_training_part_alone_is_split() -> None:
    split = split_of([*_images(10, "a", "train"), *_images(10, "b", "train")], seed=0)
    assert (len(split.train), len(split.test)) == (16, 4)


def test_held_out_images_leave_some_of_each_class() -> None:
    labels = np.array([0] * 20 + [1] * 2 + [2])
    assert Counter(labels[held_out(labels, seed=0)].tolist()) == {0: 4, 1: 1}
