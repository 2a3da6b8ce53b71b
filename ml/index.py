"""Index: from a finished folder of vectors to an index version, which is built once and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from ml.artifacts import BadArtifact, IndexManifest, checksums, now, publishing
from ml.images import ListedImage
from ml.progress import Progress
from ml.stacks.find import find_stacks
from ml.vectors import LEFT_OUT, Digests, Vectors, VectorSet, read_vectors, rows_of

INDEX, IMAGES, STATISTICS = "index.faiss", "images.npy", "statistics.npz"
STACKS = "stacks.npy"  # int32 (n,): each row's leader; only where stacks were looked for

_ROWS_AT_ONCE = 8192
_SAMPLE = 32
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Pictures:
    """Where the pictures lie in which stacks are looked for; it may be more of them or fewer than the vectors."""

    images: Iterable[ListedImage]
    max_pixels: int


def build_index(vectors: Path, out: Path, *, pictures: Pictures | None = None, progress: Progress) -> IndexManifest:
    """Publish the index version of a finished folder of vectors at `out`, rows in the order of the images' ids.

    With `pictures` it tells which images are near-identical. It is read back and searched before it is published.
    Raises BadArtifact if the vectors are unfinished, damaged or none at all, or if something is at `out` already.
    """
    content = read_vectors(vectors)
    count = len(content.digests)
    if not count:
        raise BadArtifact(f"There is nothing to index: {vectors} holds no vectors.")
    with publishing(out) as draft:
        _write(content, draft, progress)
        if pictures is not None:
            _write_stacks(content, pictures, draft, progress)
        _verify(content, draft)
        manifest = IndexManifest(
            encoder=content.encoder,
            encoder_digest=content.encoder_digest,
            dimension=content.dimension,
            count=count,
            left_out=content.left_out.count(b"\n"),
            files=checksums(draft, sorted(path.name for path in draft.iterdir())),
            created_at=now(),
        )
        manifest.write(draft)
    return manifest


def vectors_within(folder: Path, digests: Digests, encoder_digest: str) -> Iterator[tuple[Digests, Vectors]]:
    """Yield, in portions, those of the images that an index version holds, with their vectors.

    Yields nothing if the index was made by another encoder. Raises BadArtifact.
    """
    if IndexManifest.read(folder).encoder_digest != encoder_digest:
        return
    index = _open(folder / INDEX)
    rows, found = rows_of(digests, within=np.load(folder / IMAGES))
    rows, digests = rows[found], digests[found]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        portion = slice(start, start + _ROWS_AT_ONCE)
        yield digests[portion], index.reconstruct_batch(rows[portion])


def _write(content: VectorSet, draft: Path, progress: Progress) -> None:
    count, dimension = content.vectors.shape
    index = faiss.IndexFlatIP(dimension)
    total, products = np.zeros(dimension), np.zeros((dimension, dimension))
    for start in range(0, count, _ROWS_AT_ONCE):
        rows = content.vectors[start : start + _ROWS_AT_ONCE]
        index.add(rows)
        wide = rows.astype(np.float64)
        total += wide.sum(axis=0)
        products += wide.T @ wide
        progress.step("index", start + len(rows), count)
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    _write_faiss(index, draft / INDEX)
    np.save(draft / IMAGES, content.digests)
    np.savez(draft / STATISTICS, mean=mean.astype(np.float32), covariance=covariance.astype(np.float32))
    (draft / LEFT_OUT).write_bytes(content.left_out)


def _write_stacks(content: VectorSet, pictures: Pictures, draft: Path, progress: Progress) -> None:
    listed = {bytes.fromhex(image.id): image for image in pictures.images}
    images = [listed.get(digest.tobytes()) for digest in content.digests]
    leaders = find_stacks(content.vectors, images, max_pixels=pictures.max_pixels, progress=progress)
    np.save(draft / STACKS, leaders)


def _write_faiss(index: Any, path: Path) -> None:
    # Through Python's own file, whose errors say what is the matter (a full disk, for one).
    with path.open("wb") as file:
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]


def _verify(content: VectorSet, draft: Path) -> None:
    """Search the written index for some of its own vectors: each must find itself, or its equal."""
    index = _open(draft / INDEX)
    rows = np.unique(np.linspace(0, len(content.vectors) - 1, _SAMPLE).astype(int))
    scores, found = index.search(content.vectors[rows], 1)
    themselves = np.einsum("nd,nd->n", index.reconstruct_batch(found[:, 0]), content.vectors[rows])
    if (
        (index.ntotal, index.d) != content.vectors.shape
        or not np.array_equal(np.load(draft / IMAGES), content.digests)
        or not np.allclose(themselves, 1, atol=_TOLERANCE)
        or not np.allclose(scores[:, 0], 1, atol=_TOLERANCE)
    ):
        raise BadArtifact("The index does not hold what was written to it; is the disk or the memory faulty?")


def _open(path: Path) -> Any:
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
