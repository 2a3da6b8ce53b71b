"""Artifacts: folders that are published whole, with a manifest that says what they are. Never changed afterwards."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from ml.errors import Refusal

MANIFEST = "manifest.json"

_DRAFT_PREFIX = ".winnow-draft-"
_SEAL = "seal"


class BadArtifact(Refusal):
    """An artifact that cannot be used or made; the message is a sentence for whoever named its folder."""


@contextmanager
def publishing(target: Path) -> Iterator[Path]:
    """Yield an empty draft folder beside `target`; on success it becomes `target`, on error it never existed.

    Its files (not those of folders in it) are on the disk before the name appears. Drafts that a killed process
    left beside it are cleared away. Raises BadArtifact if something is at `target` already.
    """
    if target.exists():
        raise _already_there(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft, lock = _new_draft(target.parent)
    try:
        yield draft
        for path in [*draft.iterdir(), draft]:
            _sync(path)
        try:
            draft.rename(target)
        except OSError as error:
            if target.exists():
                raise _already_there(target) from error
            raise
        _sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        os.close(lock)


def remove_abandoned_drafts(parent: Path) -> None:
    """Clear away what processes that are gone have left half-built beside the artifacts in `parent`. Idempotent."""
    if parent.is_dir():
        with _guarded(parent):
            _remove_unlocked(parent)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What every artifact says of itself."""

    kind: ClassVar[str]

    files: dict[str, str]  # name -> SHA-256 in hex
    created_at: str  # ISO 8601, UTC

    @property
    def digest(self) -> str:
        """The SHA-256, in hex, of the bytes of manifest.json: the artifact's identity."""
        return hashlib.sha256(self._encoded()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write manifest.json; to be called last."""
        (folder / MANIFEST).write_bytes(self._encoded())

    @classmethod
    def read(cls, folder: Path, *, verify: bool = True) -> Self:
        """Read manifest.json and check it; with `verify`, check every file against its SHA-256 as well.

        Raises BadArtifact, with a sentence that names the folder, unless everything is as it was written.
        """
        try:
            encoded = (folder / MANIFEST).read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BadArtifact(f"{folder} is no {cls.kind}: it has no {MANIFEST}.") from error
        except OSError as error:
            raise BadArtifact(f"The {MANIFEST} of {folder} cannot be read: {error.strerror}.") from error
        manifest = cls._decoded(encoded, folder)
        for name, sha256 in manifest.files.items():
            path = folder / name
            if not path.is_file():
                raise BadArtifact(f"The {cls.kind} {folder} is incomplete: {name} is missing.")
            if verify and file_digest(path) != sha256:
                raise BadArtifact(f"The {cls.kind} {folder} is damaged: {name} is not as it was written.")
        return manifest

    def _encoded(self) -> bytes:
        content = asdict(self)
        content[_SEAL] = _seal(content)
        return (json.dumps(content, indent=2) + "\n").encode()

    @classmethod
    def _decoded(cls, encoded: bytes, folder: Path) -> Self:
        try:
            content: dict[str, Any] = json.loads(encoded)
            seal = content.pop(_SEAL)
            if set(content) != {field.name for field in fields(cls)}:
                raise BadArtifact(f"{folder} is no {cls.kind}: its {MANIFEST} has other keys.")
            values: dict[str, Any] = {key: _frozen(value) for key, value in content.items()}
            manifest = cls(**values)
            intact = seal == _seal(content) and manifest._encoded() == encoded
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadArtifact(f"{folder} is no {cls.kind}: its {MANIFEST} cannot be understood.") from error
        if not intact:
            raise BadArtifact(f"The {cls.kind} {folder} is damaged: its {MANIFEST} is not as it was written.")
        return manifest


@dataclass(frozen=True, kw_only=True)
class EncoderManifest(Manifest):
    """A trained network (encoder.onnx) with its preprocessing: the short side is resized, the centre cut out."""

    kind: ClassVar[str] = "encoder"

    name: str
    architecture: str
    dimension: int
    input_size: tuple[int, int]  # height, width in pixels
    resize: int  # the short side, in pixels
    crop: str = "centre"
    mean: tuple[float, ...]  # of RGB values from 0 to 1
    std: tuple[float, ...]
    recipe: dict[str, Any]  # how it was trained
    epochs: int
    quality: dict[str, Any]  # what it measures

    def __post_init__(self) -> None:
        height, width = self.input_size
        if self.crop != "centre" or not 0 < max(height, width) <= self.resize:
            raise BadArtifact("An encoder needs a centre crop, of an input size no larger than the resized short side.")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise BadArtifact("An encoder needs three means and three positive standard deviations.")


@dataclass(frozen=True, kw_only=True)
class IndexManifest(Manifest):
    """An index version: the vectors of a pool's images under one encoder, rows in the order of image ids."""

    kind: ClassVar[str] = "index version"

    encoder: str  # its name
    encoder_digest: str
    dimension: int
    count: int  # of vectors
    left_out: int  # images that have none


@dataclass(frozen=True, kw_only=True)
class MapManifest(Manifest):
    """A map: vectors laid out in two or three dimensions, in a box around the origin whose longest side is 1."""

    kind: ClassVar[str] = "map"

    method: str  # pca, pacmap or tsne
    dimensions: int
    count: int  # of points
    sampled_from: int  # of vectors; more than points if only a sample is laid out
    seed: int
    encoder: str | None  # its name; None where the vectors do not say
    encoder_digest: str | None
    index_digest: str | None  # of the index version whose vectors these are
    parameters: dict[str, Any]  # the method's
    versions: dict[str, str]  # of the libraries
    seconds: float  # from the vectors to the coordinates


def now() -> str:
    """The present moment as manifests write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def checksums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return a manifest's `files` for these files of a folder."""
    return {name: file_digest(folder / name) for name in names}


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _already_there(target: Path) -> BadArtifact:
    return BadArtifact(f"{target} is there already, and what is published is never changed; choose another name.")


def _new_draft(parent: Path) -> tuple[Path, int]:
    """Make a draft folder, locked as long as its process lives, and clear away those whose process does not."""
    with _guarded(parent):
        _remove_unlocked(parent)
        draft = parent / f"{_DRAFT_PREFIX}{secrets.token_hex(8)}"
        draft.mkdir()
        lock = os.open(draft, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return draft, lock


@contextmanager
def _guarded(parent: Path) -> Iterator[None]:
    """Let no other process make or clear away drafts here: a new one is not locked from its first moment."""
    guard = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield
    finally:
        os.close(guard)


def _remove_unlocked(parent: Path) -> None:
    for abandoned in parent.glob(f"{_DRAFT_PREFIX}*"):
        _remove_unless_locked(abandoned)


def _remove_unless_locked(draft: Path) -> None:
    lock = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(draft, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(lock)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _seal(content: dict[str, Any]) -> str:
    """Return what betrays a change to the manifest itself, which no checksum in it could."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
