"""The images of a run: those that can be read, each once, in an order that has nothing to do with where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ml.datasets import located
from ml.evaluation.splits import split_of
from ml.folder import list_images
from ml.images import ListedImage
from ml.labelled import labelled_images
from ml.pixels import Pixels, decoded
from ml.pretraining.watch import Labelled
from ml.progress import Progress
from ml.vectors import LeftOut

_Pixels: TypeAlias = "npt.NDArray[np.uint8]"


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How pictures become pixels."""

    cache: Path
    processes: int
    most_left_out: float = 0.01  # of the images, as a share
    max_pixels: int = 100_000_000

    def of(
        self, images: Sequence[ListedImage], *, unlisted: Sequence[LeftOut] = (), stored: int, progress: Progress
    ) -> Pixels:
        """Return the pixels of those images that can be read. Raises Refusal."""
        return decoded(images, unlisted=unlisted, side=stored, progress=progress, **asdict(self))


@dataclass(frozen=True, kw_only=True)
class Pool:
    """What a run trains on."""

    images: list[ListedImage]  # by their rows
    pixels: _Pixels  # (n, 3, stored, stored), memory-mapped
    fingerprint: str
    left_out: list[LeftOut]
    notes: list[str]  # sentences that whoever starts the run should read


def pool_of(sources: Sequence[str], *, stored: int, decoding: Decoding, progress: Progress) -> Pool:
    """Decode the images of folders, lists, files of records or data sets by name. Raises Refusal."""
    listed: dict[str, ListedImage] = {}
    unlisted: list[LeftOut] = []
    for source in sources:
        images, unreadable = list_images(located(source, progress), progress)
        listed |= {image.id: image for image in images}
        unlisted += unreadable
    # By id: so a pool may be moved, and its folders named in any order.
    in_order = [listed[id] for id in sorted(listed)]
    pixels = decoding.of(in_order, unlisted=unlisted, stored=stored, progress=progress)
    left_out = pixels.left_out
    notes = []
    if left_out:
        total = len(pixels.ids) + len(left_out)
        first = left_out[0]
        notes.append(
            f"{len(left_out):,} of {total:,} images cannot be read and are left out, such as {first.path}, which "
            f"{first.reason}; left_out.jsonl names them all."
        )
    if pixels.smaller:
        notes.append(f"{pixels.smaller:,} images are smaller than {stored} pixels and were enlarged.")
    return Pool(
        images=[listed[id] for id in pixels.ids],
        pixels=pixels.array,
        fingerprint=pixels.fingerprint,
        left_out=left_out,
        notes=notes,
    )


def labelled_pool(source: str, *, stored: int, seed: int, decoding: Decoding, progress: Progress) -> Labelled:
    """Decode labelled images for a Watch. Raises Refusal."""
    split = split_of(labelled_images(located(source, progress), progress), seed=seed)

    def part(images: Sequence[ListedImage], labels: npt.NDArray[np.int64]) -> tuple[_Pixels, npt.NDArray[np.int64]]:
        label_of = {image.id: label for image, label in zip(images, labels, strict=True)}
        pixels = decoding.of(images, stored=stored, progress=progress)
        return pixels.array, np.array([label_of[id] for id in pixels.ids], dtype=np.int64)

    return Labelled(*part(split.train, split.train_labels), *part(split.test, split.test_labels))
