"""From vectors and pictures to stacks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from ml.images import ListedImage, UnreadableImage
from ml.originals import original_rgb
from ml.preparing import decoders, in_order
from ml.progress import Progress
from ml.stacks.likeness import SIDE, Small, look_the_same, small
from ml.stacks.neighbours import NEAREST, Pairs, near_pairs
from ml.vectors import Vectors

# A JPEG may be reduced while it is decoded as long as so many times the needed pixels are left.
_OVERSAMPLING = 4
_AHEAD = 256

Leaders = npt.NDArray[np.int32]  # (n,)


def find_stacks(
    vectors: Vectors, images: Sequence[ListedImage | None], *, max_pixels: int, progress: Progress
) -> Leaders:
    """Return each row's leader, (n,): the row of the image that its stack is gathered around, its own if it is alone.

    Every image of a stack looks the same as the leader, so images cannot creep into it by way of each other.
    `images` says where the picture of each row lies; one that is not known, or cannot be read, is alone.
    """
    pairs = near_pairs(vectors, progress=progress)
    rows = [row for row in np.unique(pairs).tolist() if images[row] is not None]
    pictures, places = _pictures(rows, images, max_pixels=max_pixels, progress=progress)
    readable = (places[pairs] >= 0).all(axis=1)
    return _gathered(pairs[readable], pictures, places, count=len(vectors))


def _pictures(
    rows: Sequence[int], images: Sequence[ListedImage | None], *, max_pixels: int, progress: Progress
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Return what is compared of the rows' pictures, and where among them each row's is, (n,); −1 for none."""
    pictures = np.empty((len(rows), SIDE, SIDE, 3), dtype=np.uint8)
    places = np.full(len(images), -1, dtype=np.int32)
    listed = [image for row in rows if (image := images[row]) is not None]
    read = partial(_read, max_pixels=max_pixels)
    with decoders(os.cpu_count() or 1, processes=False) as workers:
        results = in_order(read, listed, workers=workers, ahead=_AHEAD)
        for place, (row, (_, picture)) in enumerate(zip(rows, results, strict=True)):
            if picture is not None:
                pictures[place], places[row] = picture, place
            progress.step("compare", place + 1, len(rows))
    return pictures, places


def _read(image: ListedImage, *, max_pixels: int) -> Small | None:
    try:
        return small(original_rgb(image, max_pixels=max_pixels, at_least=_OVERSAMPLING * SIDE))
    except UnreadableImage:
        return None


def _gathered(pairs: Pairs, pictures: npt.NDArray[np.uint8], places: npt.NDArray[np.int32], *, count: int) -> Leaders:
    """Let the row with the most neighbours take those that look the same, then the next of those that are left."""
    leaders = np.arange(count, dtype=np.int32)
    free = np.ones(count, dtype=np.bool_)
    starts = np.searchsorted(pairs[:, 0], np.arange(count + 1))
    neighbours = np.diff(starts)
    for row in np.argsort(-neighbours, kind="stable")[: np.count_nonzero(neighbours)]:
        near = pairs[starts[row] : starts[row + 1], 1]
        near = near[free[near]]
        if not free[row] or not len(near):
            continue
        alike = look_the_same(pictures[places[row]], pictures[places[near]])
        taken = near[alike][: NEAREST - 1]
        if len(taken):
            leaders[taken] = row
            free[taken] = free[row] = False
    return leaders
