"""A folder of vectors in the making: shards that are added one by one, each whole or not there at all."""

from __future__ import annotations

import fcntl
import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ml.artifacts import BadArtifact, EncoderManifest

LEFT_OUT = "left_out.jsonl"

_ENCODER, _COMPLETE, _LOCK = "encoder.json", "complete.npz", "lock"

Digests = npt.NDArray[np.uint8]  # (n, 32): the SHA-256 of each image
Vectors = npt.NDArray[np.float32]  # (n, dimension), of unit length


@dataclass(frozen=True)
class LeftOut:
    """An image that has no vector, and why, as the end of a sentence that begins with its path."""

    id: str | None  # None where not even its bytes could be read
    path: str
    reason: str


@dataclass(frozen=True)
class VectorSet:
    """The vectors of a finished run, in the order of the images' ids."""

    encoder: str
    encoder_digest: str
    dimension: int
    digests: Digests
    vectors: Vectors
    left_out: bytes  # the lines of left_out.jsonl


class VectorFolder:
    """The folder, open for writing by one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shards = _shards(folder)
        self._next = 1 + int(shards[-1].stem.removeprefix("shard-")) if shards else 0
        self.known = {digest.tobytes() for shard in shards for digest in _load(shard, "digests")[0]}

    @classmethod
    @contextmanager
    def open(cls, folder: Path, encoder: EncoderManifest) -> Iterator[Self]:
        """Open the folder for this encoder's vectors, making it if need be; it counts as unfinished from now on.

        Raises BadArtifact if it holds another encoder's vectors, or if another process writes to it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BadArtifact(f"Another process is writing vectors to {folder}; wait until it is done.") from error
            _claim(folder, encoder)
            (folder / _COMPLETE).unlink(missing_ok=True)
            yield cls(folder)

    def add(self, digests: Digests, vectors: Vectors) -> None:
        """Add vectors as one shard; once this returns they are there for good."""
        self._write_arrays(f"shard-{self._next:06}.npz", digests=digests, vectors=vectors)
        self._next += 1
        self.known.update(digest.tobytes() for digest in digests)

    def finish(self, digests: Digests, left_out: Iterable[LeftOut]) -> None:
        """Mark the folder as finished: these images have vectors, those were left out."""
        lines = "".join(json.dumps(asdict(entry)) + "\n" for entry in left_out)
        _publish(self._folder / LEFT_OUT, lines.encode())
        self._write_arrays(_COMPLETE, digests=digests)

    def _write_arrays(self, name: str, **arrays: npt.NDArray[Any]) -> None:
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        _publish(self._folder / name, content.getbuffer())


def read_vectors(folder: Path) -> VectorSet:
    """Read a finished folder. Raises BadArtifact if it is not one, or not finished, or damaged."""
    if not (folder / _ENCODER).is_file():
        raise BadArtifact(f"{folder} is no folder of vectors: it has no {_ENCODER}.")
    if not (folder / _COMPLETE).is_file():
        raise BadArtifact(f"The vectors in {folder} are not finished; run the same embed command again to go on.")
    encoder = _read_encoder(folder)
    (digests,) = _load(folder / _COMPLETE, "digests")
    wanted = _sorted_unique(digests)
    vectors = np.full((len(wanted), encoder["dimension"]), np.nan, dtype=np.float32)
    for shard in _shards(folder):
        digests, part = _load(shard, "digests", "vectors")
        rows, found = rows_of(digests, within=wanted)
        if part.shape != (len(digests), encoder["dimension"]):
            raise BadArtifact(f"The vectors in {folder} differ in dimension; make them anew in an empty folder.")
        vectors[rows[found]] = part[found]
    if np.isnan(vectors).any():
        raise BadArtifact(f"Some vectors in {folder} are missing; run the same embed command again to go on.")
    return VectorSet(**encoder, digests=wanted, vectors=vectors, left_out=(folder / LEFT_OUT).read_bytes())


def rows_of(digests: Digests, *, within: Digests) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """Return the row of each digest among sorted ones, and whether it is there (else the row means nothing)."""
    keys, sorted_keys = _keys(digests), _keys(within)
    if not len(sorted_keys):
        return np.zeros(len(keys), dtype=np.intp), np.zeros(len(keys), dtype=np.bool_)
    rows = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return rows, sorted_keys[rows] == keys


def digest_array(ids: Iterable[str]) -> Digests:
    """Return ids in hex as rows of bytes."""
    return np.frombuffer(bytes.fromhex("".join(ids)), dtype=np.uint8).reshape(-1, 32)


def _claim(folder: Path, encoder: EncoderManifest) -> None:
    ours = {"encoder": encoder.name, "encoder_digest": encoder.digest, "dimension": encoder.dimension}
    if not (folder / _ENCODER).is_file():
        _publish(folder / _ENCODER, json.dumps(ours).encode())
    theirs = _read_encoder(folder)
    if theirs != ours:
        raise BadArtifact(f"{folder} holds vectors of another encoder ({theirs['encoder']}); choose an empty folder.")


def _read_encoder(folder: Path) -> dict[str, Any]:
    try:
        encoder: dict[str, Any] = json.loads((folder / _ENCODER).read_bytes())
    except ValueError as error:
        raise BadArtifact(f"{folder / _ENCODER} is damaged; make the vectors anew in an empty folder.") from error
    return encoder


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("shard-*.npz"))


def _load(path: Path, *names: str) -> list[npt.NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return [arrays[name] for name in names]
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise BadArtifact(f"{path} is damaged; delete it and run the same embed command again.") from error


def _sorted_unique(digests: Digests) -> Digests:
    return np.unique(_keys(digests)).view(np.uint8).reshape(-1, 32)


def _keys(digests: Digests) -> npt.NDArray[np.bytes_]:
    """Return rows as single values that compare as their bytes do."""
    return np.ascontiguousarray(digests).view("S32").reshape(-1)


def _publish(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that it is there whole, and on the disk, or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
