"""Where a map's vectors come from: an index version, a finished folder of vectors, or any array. Read in portions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.artifacts import IndexManifest
from ml.errors import Refusal
from ml.vectors import Digests, digest_array, read_vectors

Rows = npt.NDArray[np.int64]  # (n,), rising
Portion = npt.NDArray[np.floating]  # (at most _ROWS_AT_ONCE, dimension)

_ROWS_AT_ONCE = 8192
_ID = re.compile(r"[0-9a-f]{64}")


class BadVectors(Refusal):
    """Vectors that no map can be made of; the message is a sentence that names their file."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Vectors that lie somewhere and are read when they are needed, as often as one likes."""

    count: int
    dimension: int
    read: Callable[[Rows], Iterator[Portion]]  # these rows' vectors, in order; raises Refusal
    digests: Digests | None = None  # which images they belong to, where that is known
    encoder: str | None = None  # its name
    encoder_digest: str | None = None
    index_digest: str | None = None


def from_index(folder: Path) -> Source:
    """Take the vectors of an index version, rows in the order of its images.npy. Raises BadArtifact."""
    # FAISS: who maps an array does without.
    from ml.index import IMAGES, vectors_within  # noqa: PLC0415

    manifest = IndexManifest.read(folder)
    digests: Digests = np.load(folder / IMAGES)
    return Source(
        count=manifest.count,
        dimension=manifest.dimension,
        read=lambda rows: (part for _, part in vectors_within(folder, digests[rows], manifest.encoder_digest)),
        digests=digests,
        encoder=manifest.encoder,
        encoder_digest=manifest.encoder_digest,
        index_digest=manifest.digest,
    )


def from_folder(folder: Path) -> Source:
    """Take the vectors of a finished folder, rows in the order of their images' ids. Raises BadArtifact."""
    content = read_vectors(folder)
    return Source(
        count=len(content.vectors),
        dimension=content.dimension,
        read=lambda rows: _portions(content.vectors, rows),
        digests=content.digests,
        encoder=content.encoder,
        encoder_digest=content.encoder_digest,
    )


def from_array(file: Path, ids: Path | None = None) -> Source:
    """Take the rows of an array of numbers (n, dimension) in a .npy file, which stays where it is.

    `ids` is a text file with the image of each row: its SHA-256 in hex, one a line. Raises BadVectors, for values
    that are not finite only when they are read.
    """
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadVectors(f"{file} is no array: a file that numpy.save has written is wanted.") from error
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "fiu" or not array.shape[1]:
        raise BadVectors(f"{file} holds no vectors: an array of numbers with two axes is wanted, a row for each.")
    digests = None if ids is None else _read_ids(ids, count=len(array))

    def read(rows: Rows) -> Iterator[Portion]:
        for start, portion in zip(range(0, len(rows), _ROWS_AT_ONCE), _portions(array, rows), strict=True):
            finite = np.isfinite(portion).all(axis=1)
            if not finite.all():
                first = rows[start + np.argmin(finite)]
                raise BadVectors(f"Row {first} of {file}, counted from 0, is not finite; take such rows out.")
            yield portion

    return Source(count=len(array), dimension=array.shape[1], read=read, digests=digests)


def _portions(array: npt.NDArray[np.floating], rows: Rows) -> Iterator[Portion]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield array[rows[start : start + _ROWS_AT_ONCE]]


def _read_ids(file: Path, *, count: int) -> Digests:
    ids = file.read_text(encoding="utf-8", errors="replace").split()
    for line, id in enumerate(ids, start=1):
        if not _ID.fullmatch(id):
            raise BadVectors(f"Line {line} of {file} is no id: the SHA-256 of an image is wanted, in hex.")
    if len(ids) != count:
        raise BadVectors(f"{file} names {len(ids):,} images for {count:,} vectors; each vector needs one line.")
    return digest_array(ids)
