"""torchvision's data sets by name, as folders of pictures: downloaded once, laid out as SPLIT/CLASS/FILE."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from sys import stderr
from typing import Any
from urllib.error import URLError

from PIL import Image

from ml.artifacts import publishing
from ml.cache import alone, default_cache
from ml.errors import Refusal
from ml.progress import Progress

_PREFIX = "torchvision:"
_DOWNLOAD = "download"


class NoDataSet(Refusal):
    """A data set that is not known, or cannot be downloaded."""


@dataclass(frozen=True)
class _Kind:
    """How torchvision's class wants to be asked."""

    splits: Mapping[str, Mapping[str, Any]]  # the arguments for each; a data set without splits has one, ""
    files: bool = False  # lets us have the files as they are
    options: Mapping[str, Any] = field(default_factory=dict)


def _named(*splits: str) -> dict[str, dict[str, Any]]:
    return {split: {"split": split} for split in splits}


_TRAIN_OR_NOT = {"train": {"train": True}, "test": {"train": False}}

_KINDS = {
    "CIFAR10": _Kind(_TRAIN_OR_NOT),
    "CIFAR100": _Kind(_TRAIN_OR_NOT),
    "Country211": _Kind(_named("train", "valid", "test"), files=True),
    "DTD": _Kind(_named("train", "val", "test"), files=True),
    "EuroSAT": _Kind({"": {}}, files=True),
    "FGVCAircraft": _Kind(_named("train", "val", "test"), files=True),
    "FashionMNIST": _Kind(_TRAIN_OR_NOT),
    "Flowers102": _Kind(_named("train", "val", "test"), files=True),
    "Food101": _Kind(_named("train", "test"), files=True),
    "GTSRB": _Kind(_named("train", "test")),
    "Imagenette": _Kind(_named("train", "val"), files=True, options={"size": "160px"}),
    "MNIST": _Kind(_TRAIN_OR_NOT),
    "OxfordIIITPet": _Kind(_named("trainval", "test")),
    "STL10": _Kind(_named("train", "test", "unlabeled")),
    "SUN397": _Kind({"": {}}, files=True),
    "SVHN": _Kind(_named("train", "test")),
}


def located(images: str, progress: Progress, *, cache: Path | None = None) -> Path:
    """Return the folder that "torchvision:NAME" or "torchvision:NAME:SPLIT" stands for; a path stays a path.

    The data set is in CACHE/datasets/NAME, all splits of it, which may be deleted at any time; without a split in the
    name the folder holds them all. Raises NoDataSet, or OSError if the disk is full.
    """
    if not images.startswith(_PREFIX):
        return Path(images)
    name, _, split = images.removeprefix(_PREFIX).partition(":")
    kind = _KINDS.get(name)
    if kind is None:
        raise NoDataSet(f"There is no data set “{name}” to be had; there are {', '.join(_KINDS)}.")
    if split and split not in kind.splits:
        splits = ", ".join(f"{_PREFIX}{name}:{split}" for split in kind.splits if split)
        raise NoDataSet(f"{name} has no split “{split}”; there are {splits or 'none'}.")
    folder = (cache or default_cache()) / "datasets" / name
    with alone(folder):
        if not folder.exists():
            _make(name, kind, folder, progress)
    return folder / split


def unpack(data_set: Any, folder: Path, progress: Progress) -> None:
    """Lay a data set of torchvision out as CLASS/00001.png, or without a class where it has no label (-1).

    Where it yields paths of files instead of pictures, these are moved.
    """
    classes = getattr(data_set, "classes", None)
    for number in range(len(data_set)):
        image, label = data_set[number]
        parent = folder if label < 0 else folder / _folder_name(classes[label] if classes else label)
        parent.mkdir(parents=True, exist_ok=True)
        if isinstance(image, Image.Image):
            image.save(parent / f"{number + 1:05}.png", compress_level=1)
        else:
            image.rename(parent / f"{number + 1:05}{image.suffix}")
        progress.step("unpack", number + 1, len(data_set))


def _folder_name(told: Any) -> str:
    # Imagenette tells all names of a class; "F/A-18" is an aircraft.
    name = told[0] if isinstance(told, tuple) else told
    return str(name).strip("/").replace("/", "-")


def _make(name: str, kind: _Kind, folder: Path, progress: Progress) -> None:
    # All splits in one go, in a draft: what torchvision has begun to unpack it takes for complete ever after.
    with publishing(folder) as draft:
        for split, arguments in kind.splits.items():
            unpack(_downloaded(name, kind, arguments, draft / _DOWNLOAD), draft / split, progress)
        shutil.rmtree(draft / _DOWNLOAD)
        # On the disk before the name appears, as publishing promises only for files at the top.
        os.sync()


def _downloaded(name: str, kind: _Kind, arguments: Mapping[str, Any], root: Path) -> Any:
    # Heavy, and seldom needed.
    try:
        from torchvision import datasets  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise NoDataSet("Data sets by name need torchvision: pip install 'winnow[ml]' brings it.") from error

    options = {"loader": Path} if kind.files else {}
    try:
        # Standard output is for progress.
        with redirect_stdout(stderr):
            return getattr(datasets, name)(root, download=True, **arguments, **kind.options, **options)
    except (URLError, HTTPException, ConnectionError, TimeoutError, RuntimeError) as error:
        reason = getattr(error, "reason", error)
        told = " ".join(str(getattr(reason, "strerror", None) or reason).split())
        raise NoDataSet(
            f"The data set {name} cannot be downloaded ({told}). Try again where there is a network, or give a folder "
            "of its pictures, laid out as SPLIT/CLASS/FILE."
        ) from error
