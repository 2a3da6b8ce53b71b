"""Embed: from a list of images to their vectors, reading pictures while the network works on others."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.encoder import AnyEncoder
from ml.images import ListedImage, UnreadableImage
from ml.index import vectors_within
from ml.preparing import Pixels, decoders, prepare_all
from ml.progress import Progress
from ml.vectors import LeftOut, VectorFolder, digest_array

# A killed run loses at most the vectors of this long.
_SECONDS_BETWEEN_SHARDS = 1.0

# Enough pictures to keep all cores busy while the network works on a batch.
_BATCHES_AHEAD = 2

_Batch = list[tuple[ListedImage, Pixels]]


def embed(
    encoder: AnyEncoder,
    images: Sequence[ListedImage],
    out: Path,
    *,
    unlisted: Sequence[LeftOut] = (),
    reuse: Path | None = None,
    threads: int,
    processes: bool = False,
    max_pixels: int,
    progress: Progress,
) -> list[LeftOut]:
    """Put the vectors of all images into the folder `out`, except those that are there already.

    Killed and run again, it goes on where it was and ends with the same vectors. `reuse` is an index version
    whose vectors are taken over where it has them under the same encoder. `threads` threads decode pictures, or as
    many processes. Returns the images that have no vector, which a later run tries again, `unlisted` ones first.
    Raises BadArtifact if `out` or `reuse` cannot be used.
    """
    by_id = {image.id: image for image in images}
    left_out = list(unlisted)
    with VectorFolder.open(out, encoder.manifest) as folder:
        if reuse is not None:
            _take_over(reuse, encoder, by_id, folder)
        waiting = [image for image in by_id.values() if bytes.fromhex(image.id) not in folder.known]
        done = len(by_id) - len(waiting)
        progress.step("embed", done, len(by_id))
        shard = _Shard(folder)
        with decoders(threads, processes=processes) as workers:
            for batch, failures in _prepared_batches(encoder, waiting, workers=workers, max_pixels=max_pixels):
                left_out += failures
                left_out += shard.add([image for image, _ in batch], encoder.encode([pixels for _, pixels in batch]))
                done += len(batch) + len(failures)
                progress.step("embed", done, len(by_id))
        shard.publish()
        folder.finish(digest_array(id for id in by_id if bytes.fromhex(id) in folder.known), left_out)
    return left_out


def _take_over(reuse: Path, encoder: AnyEncoder, by_id: dict[str, ListedImage], folder: VectorFolder) -> None:
    missing = digest_array(id for id in by_id if bytes.fromhex(id) not in folder.known)
    for digests, vectors in vectors_within(reuse, missing, encoder.manifest.digest):
        folder.add(digests, vectors)


def _prepared_batches(
    encoder: AnyEncoder, images: Iterable[ListedImage], *, workers: Executor, max_pixels: int
) -> Iterator[tuple[_Batch, list[LeftOut]]]:
    """Yield what the network sees, in order, with the images left out on the way.

    Batches are filled with readable pictures only: so a run that goes on after a kill makes the same batches,
    and bit by bit the same vectors, as one that was never stopped.
    """
    ahead = _BATCHES_AHEAD * encoder.batch
    batch: _Batch = []
    failures: list[LeftOut] = []
    for image, result in prepare_all(images, encoder.framing, max_pixels=max_pixels, workers=workers, ahead=ahead):
        if isinstance(result, UnreadableImage):
            failures.append(LeftOut(image.id, str(image.path), str(result)))
        else:
            batch.append((image, result))
        if len(batch) == encoder.batch:
            yield batch, failures
            batch, failures = [], []
    if batch or failures:
        yield batch, failures


class _Shard:
    """Vectors that wait to be published together."""

    def __init__(self, folder: VectorFolder) -> None:
        self._folder = folder
        self._ids: list[str] = []
        self._vectors: list[npt.NDArray[np.float32]] = []
        self._published_at = time.monotonic()

    def add(self, images: Sequence[ListedImage], vectors: npt.NDArray[np.float32]) -> list[LeftOut]:
        """Take a batch in, and return its images whose vectors are of no use."""
        usable = np.isfinite(vectors[:, 0])
        self._ids += [image.id for image, use in zip(images, usable, strict=True) if use]
        self._vectors.append(vectors[usable])
        if time.monotonic() - self._published_at >= _SECONDS_BETWEEN_SHARDS:
            self.publish()
        return [
            LeftOut(image.id, str(image.path), "has no vector: the encoder's output is zero or not finite")
            for image, use in zip(images, usable, strict=True)
            if not use
        ]

    def publish(self) -> None:
        if self._ids:
            self._folder.add(digest_array(self._ids), np.concatenate(self._vectors))
        self._ids, self._vectors, self._published_at = [], [], time.monotonic()
