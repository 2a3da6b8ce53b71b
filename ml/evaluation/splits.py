"""Labelled images in two parts: one to learn the classes from, one to be asked about."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.errors import Refusal
from ml.images import ListedImage
from ml.labelled import LabelledImage

_TRAIN = "train"
_TEST = ("test", "val")  # the first that there is

_HELD_OUT = 0.2

Labels = npt.NDArray[np.int64]
Selection = npt.NDArray[np.bool_]


class BadLabels(Refusal):
    """Labelled images by which no encoder can be judged; the message is a sentence."""


@dataclass(frozen=True)
class Split:
    """The two parts, each image once; labels are numbers of `classes`."""

    classes: list[str]
    train: list[ListedImage]
    train_labels: Labels
    test: list[ListedImage]
    test_labels: Labels
    rule: str  # how the parts came about
    notes: list[str]  # sentences: what was left out, and why

    @property
    def fingerprint(self) -> str:
        """A SHA-256, in hex, of which image has which label in which part, whatever their order."""
        parts = (("train", self.train, self.train_labels), ("test", self.test, self.test_labels))
        lines = sorted(
            f"{part} {image.id} {self.classes[label]}\n"
            for part, images, labels in parts
            for image, label in zip(images, labels, strict=True)
        )
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def split_of(labelled: Sequence[LabelledImage], *, seed: int) -> Split:
    """Return the parts that the images' folders name, train and test (else val), or a fifth of each class as the test.

    Raises BadLabels if that leaves fewer than two classes to learn, or fewer than two images to test.
    """
    notes: list[str] = []
    named = {image.split for image in labelled}
    test_name = next((name for name in _TEST if name in named), None)
    images = _each_once(labelled, [test_name, _TRAIN], notes)
    if _TRAIN in named and test_name is not None:
        rule = f"the parts {_TRAIN} and {test_name} as they are laid out"
        images = _kept(images, lambda image: image.split in {_TRAIN, test_name}, notes, "of other parts")
        tested = np.array([image.split == test_name for image in images], dtype=np.bool_)
    else:
        rule = f"a fifth of each class is the test, drawn with seed {seed}"
        count = Counter(image.label for image in images)
        images = _kept(images, lambda image: count[image.label] > 1, notes, "alone in their class")
        tested = held_out(_numbered(images, _classes(images)), seed=seed)
    learnt = {image.label for image, test in zip(images, tested, strict=True) if not test}
    tested = tested[[image.label in learnt for image in images]]
    images = _kept(images, lambda image: image.label in learnt, notes, "their class having none to learn from")
    classes = _classes(images)
    labels, listed = _numbered(images, classes), np.array([image.image for image in images], dtype=object)
    require_enough(labels[~tested], labels[tested])
    return Split(classes, list(listed[~tested]), labels[~tested], list(listed[tested]), labels[tested], rule, notes)


def require_enough(train_labels: Labels, test_labels: Labels) -> None:
    """Raise BadLabels unless there are classes to tell apart, images to learn them from, and others to test."""
    counts = Counter(train_labels.tolist())
    if len(counts) < 2:
        raise BadLabels(
            "To judge an encoder takes images of two classes or more to learn from, and some of them to test: two "
            f"images each at the least. Classes that remain to learn, of what can be read: {len(counts)}."
        )
    if max(counts.values()) < 2:
        raise BadLabels("There is one image of each class to learn from: too few to choose how a probe learns.")
    if len(test_labels) < 2:
        raise BadLabels("There is nothing to test: the part for it holds fewer than two pictures that can be read.")


def held_out(labels: Labels, *, seed: int) -> Selection:
    """Choose a fifth of each class, at least one image of those that have two: True where held out."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        if len(rows) > 1:
            chosen[rows[: max(1, round(_HELD_OUT * len(rows)))]] = True
    return chosen


def _each_once(
    labelled: Sequence[LabelledImage], splits: Sequence[str | None], notes: list[str]
) -> list[LabelledImage]:
    """Of copies keep the one that is tested, else learnt from: no image is learnt from and tested."""
    labels: dict[str, set[str]] = {}
    for image in labelled:
        labels.setdefault(image.image.id, set()).add(image.label)
    images = _kept(labelled, lambda image: len(labels[image.image.id]) == 1, notes, "in several classes at once")
    by_id: dict[str, LabelledImage] = {}
    for image in sorted(images, key=lambda image: splits.index(image.split) if image.split in splits else 2):
        by_id.setdefault(image.image.id, image)
    return _kept(images, lambda image: by_id[image.image.id] is image, notes, "copies of others")


def _kept(
    images: Sequence[LabelledImage], wanted: Callable[[LabelledImage], bool], notes: list[str], why_not: str
) -> list[LabelledImage]:
    kept = [image for image in images if wanted(image)]
    if len(kept) < len(images):
        notes.append(f"Images left out, {why_not}: {len(images) - len(kept):,}.")
    return kept


def _classes(images: Iterable[LabelledImage]) -> list[str]:
    return sorted({image.label for image in images})


def _numbered(images: Iterable[LabelledImage], classes: Sequence[str]) -> Labels:
    number = {name: number for number, name in enumerate(classes)}
    return np.array([number[image.label] for image in images], dtype=np.int64)
