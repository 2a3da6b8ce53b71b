"""Labelled images, as encoders are judged on: which class each belongs to, and which split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ml.errors import Refusal
from ml.folder import list_folder
from ml.images import ListedImage, UnreadableImage
from ml.progress import Progress
from ml.records import record_labels, record_split

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "unlabeled": None,
    "unlabelled": None,
}


class NoLabels(Refusal):
    """A folder whose pictures tell no classes apart."""


@dataclass(frozen=True)
class LabelledImage:
    """An image with its class, and "train", "val" or "test" where the folder says so."""

    image: ListedImage
    label: str
    split: str | None


def labelled_images(folder: Path, progress: Progress) -> list[LabelledImage]:
    """Return the labelled images of a folder, ordered by path; those without a label are passed over.

    Folders are SPLIT/CLASS/FILE, where every folder at the top is named as a split is, else CLASS/FILE; further
    folders within a class belong to it, as in torchvision's ImageFolder. Files of STL-10 and CIFAR-10 bring labels
    and splits of their own. Raises NoLabels if that makes fewer than two classes, or if a file's labels are unusable.
    """
    images, _ = list_folder(folder, progress)
    parents = {image: image.path.relative_to(folder).parent.parts for image in images}
    tops = {parts[0].lower() for image, parts in parents.items() if parts and image.record is None}
    by_folders = _split_and_class if tops <= _SPLITS.keys() else _class
    labels_of = lru_cache(None)(_record_labels)
    labelled = []
    for image in images:
        if image.record is None:
            label, split = by_folders(parents[image])
        else:
            label, split = _by_record(image, image.record, labels_of(image.path))
        if label is not None:
            labelled.append(LabelledImage(image, label, split))
    if len({entry.label for entry in labelled}) < 2:
        raise NoLabels(
            f"The pictures in {folder} are not of two classes or more: lay them out as CLASS/FILE or SPLIT/CLASS/FILE."
        )
    return labelled


def _split_and_class(parents: Sequence[str]) -> tuple[str | None, str | None]:
    if len(parents) < 2:
        return None, None
    return parents[1], _SPLITS[parents[0].lower()]


def _class(parents: Sequence[str]) -> tuple[str | None, str | None]:
    return (parents[0] if parents else None), None


def _by_record(image: ListedImage, record: int, labels: list[str] | None) -> tuple[str | None, str | None]:
    return (labels[record] if labels else None), _SPLITS.get(record_split(image.path))


def _record_labels(path: Path) -> list[str] | None:
    try:
        return record_labels(path)
    except UnreadableImage as error:
        raise NoLabels(f"{path} {error}.") from error
