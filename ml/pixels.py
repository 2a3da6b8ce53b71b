"""Decoded pictures, all of one size: made once for a list of images, memory-mapped ever after.

The cache is CACHE/pixels/KEY, where the key tells the content: the images' ids in their order, the side, the limit on
pixels. So other images are another entry, and none is ever out of date. Entries are not removed by themselves; any
may be deleted at any time, and is made again when it is wanted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from ml.artifacts import publishing
from ml.cache import alone
from ml.errors import Refusal
from ml.framing import Framing
from ml.images import ListedImage, UnreadableImage
from ml.originals import original_rgb
from ml.preparing import decoders, in_order
from ml.progress import Progress
from ml.vectors import LeftOut

# Counts up when the same pictures would give other pixels.
_FORMAT = 1

_ARRAY, _ENTRY = "pixels.npy", "entry.json"
_AHEAD = 64  # images for each process
_NAMED_AT_MOST = 5


class BadPixels(Refusal):
    """Pictures that cannot be decoded, or not enough of them, or an entry of the cache that is damaged."""


@dataclass(frozen=True)
class Pixels:
    """Decoded pictures, a row each."""

    array: npt.NDArray[np.uint8]  # (n, 3, side, side), memory-mapped
    ids: list[str]  # of the rows, each once
    fingerprint: str  # of the ids in their order, and the side
    left_out: list[LeftOut]
    smaller: int  # images whose short side was less than `side`, and which were enlarged


def decoded(
    images: Sequence[ListedImage],
    *,
    unlisted: Sequence[LeftOut] = (),
    side: int,
    cache: Path,
    processes: int,
    most_left_out: float = 0.01,
    max_pixels: int = 100_000_000,
    progress: Progress,
) -> Pixels:
    """Return the pixels of all images that can be read, in their order, each once.

    Two processes that want the same do the work once. An image that was left out stays left out until its entry in the
    cache is deleted. Raises BadPixels if more than the share `most_left_out` is left out, those counted that could not
    even be listed (`unlisted`), WorkerLost, or OSError if the disk is full; then the cache is as before.
    """
    wanted = list({image.id: image for image in images}.values())
    if not wanted:
        raise BadPixels(f"There are no pictures to decode. {_named(unlisted)}".strip())
    key = _digest(_FORMAT, side, max_pixels, [image.id for image in wanted])
    limit = _Limit(most_left_out, unlisted, len(wanted) + len(unlisted))
    limit.check([])
    entry = cache / "pixels" / key
    with alone(entry):
        if not entry.exists():
            with publishing(entry) as draft, decoders(processes, processes=processes > 1) as workers:
                frames = in_order(
                    partial(_frame, side=side, max_pixels=max_pixels), wanted, workers=workers, ahead=_AHEAD * processes
                )
                _write(draft, frames, len(wanted), side, limit, progress)
    return _read(entry, wanted, side, limit)


def stored_pixels(image: ListedImage, side: int, max_pixels: int) -> npt.NDArray[np.uint8]:
    """Return a picture's pixels, uint8 (3, side, side): its short side resized, its centre cut out.

    Raises UnreadableImage.
    """
    return _decoded(image, side, max_pixels).pixels


class _Frame(NamedTuple):
    pixels: npt.NDArray[np.uint8]
    enlarged: bool


def _frame(image: ListedImage, *, side: int, max_pixels: int) -> _Frame | UnreadableImage:
    try:
        return _decoded(image, side, max_pixels)
    except UnreadableImage as error:
        return error


def _decoded(image: ListedImage, side: int, max_pixels: int) -> _Frame:
    framing = Framing(side, (side, side))
    picture = original_rgb(image, max_pixels=max_pixels, at_least=framing.at_least)
    return _Frame(framing.prepare(picture), min(picture.size) < side)


class _Limit:
    """How many images may be left out of so many."""

    def __init__(self, share: float, unlisted: Sequence[LeftOut], images: int) -> None:
        self._share, self._unlisted, self._images = share, unlisted, images

    def check(self, left_out: Sequence[LeftOut]) -> list[LeftOut]:
        """Return all that are left out. Raises BadPixels, naming some, if there are too many."""
        every = [*self._unlisted, *left_out]
        if len(every) > self._share * self._images:
            raise BadPixels(
                f"Of {self._images:,} images at least {len(every):,} cannot be used, more than the {self._share:.2%} "
                f"that may be left out. {_named(every)} Mend or remove them, or allow more by --most-left-out."
            )
        return every


def _write(
    draft: Path,
    frames: Iterator[tuple[ListedImage, _Frame | UnreadableImage]],
    count: int,
    side: int,
    limit: _Limit,
    progress: Progress,
) -> None:
    left_out: list[LeftOut] = []
    smaller = 0
    # Written, not mapped: a full disk is an error then, and no signal that ends the process.
    with (draft / _ARRAY).open("wb") as file:
        start = _write_header(file, count, side)
        for done, (image, frame) in enumerate(frames, start=1):
            if isinstance(frame, UnreadableImage):
                left_out.append(LeftOut(image.id, str(image.path), str(frame)))
                limit.check(left_out)
            else:
                file.write(frame.pixels.data)
                smaller += frame.enlarged
            progress.step("decode", done, count)
        file.seek(0)
        end = _write_header(file, count - len(left_out), side)
        assert end == start, "numpy's header leaves room for another number of rows"
    entry = {"left_out": [asdict(image) for image in left_out], "smaller": smaller}
    (draft / _ENTRY).write_text(json.dumps(entry))


def _write_header(file: IO[bytes], rows: int, side: int) -> int:
    """Write what makes the bytes behind it an array of numpy's; return where they begin."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (rows, 3, side, side)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.tell()


def _read(entry: Path, wanted: Sequence[ListedImage], side: int, limit: _Limit) -> Pixels:
    try:
        content = json.loads((entry / _ENTRY).read_bytes())
        array = np.load(entry / _ARRAY, mmap_mode="r")
        reasons: dict[str, str] = {image["id"]: image["reason"] for image in content["left_out"]}
        smaller = int(content["smaller"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(entry) from error
    left_out = [LeftOut(image.id, str(image.path), reasons[image.id]) for image in wanted if image.id in reasons]
    ids = [image.id for image in wanted if image.id not in reasons]
    if array.shape != (len(ids), 3, side, side):
        raise _damaged(entry)
    return Pixels(array, ids, _digest(side, ids), limit.check(left_out), smaller)


def _damaged(entry: Path) -> BadPixels:
    return BadPixels(f"The decoded pictures in {entry} are damaged: delete that folder, and they are made again.")


def _digest(*content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _named(left_out: Sequence[LeftOut]) -> str:
    names = "; ".join(f"{image.path} {image.reason}" for image in left_out[:_NAMED_AT_MOST])
    more = len(left_out) - _NAMED_AT_MOST
    return names + (f"; and {more:,} more." if more > 0 else ".") if names else ""
