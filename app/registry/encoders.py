"""Encoders: folders that are found by name, and rows that are known by the digest of their manifest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.names import checked_name
from app.settings import Settings
from app.tables import Encoder
from ml.artifacts import BadArtifact, EncoderManifest


class EncoderNotFound(NotFound):
    """There is no such encoder."""


class EncoderDamaged(Conflict):
    """This encoder cannot be used: its folder is damaged or incomplete."""


@dataclass(frozen=True)
class EncoderLine:
    """An encoder that can be named, usable or not."""

    name: str
    manifest: EncoderManifest | None  # None where `problem` says why
    problem: str | None = None


def find_encoder(settings: Settings, name: str) -> tuple[Path, EncoderManifest]:
    """Return the folder and the verified manifest of an encoder; one's own hides a shipped one of the same name.

    Raises EncoderNotFound, and EncoderDamaged where a file is missing or is not what the manifest says.
    """
    folder = _folder(settings, name)
    try:
        return folder, EncoderManifest.read(folder)
    except BadArtifact as problem:
        raise EncoderDamaged(_told(name, folder, problem)) from problem


def list_encoders(settings: Settings) -> list[EncoderLine]:
    """Return all encoders by name, without reading their weights."""
    return [_line(name, folder) for name, folder in sorted(_named_folders(settings).items())]


def name_of(settings: Settings, *, digest: str) -> str | None:
    """Return the name of the encoder whose manifest has this digest; None if it is no longer there."""
    return next(
        (line.name for line in list_encoders(settings) if line.manifest and line.manifest.digest == digest), None
    )


def register(session: Session, *, manifest: EncoderManifest) -> int:
    """Return the id of the encoder's row; a digest that is known gets no second one."""
    known = select(Encoder.id).where(Encoder.digest == manifest.digest)
    present = session.scalars(known).one_or_none()
    if present is not None:
        return present
    encoder = Encoder(name=manifest.name, digest=manifest.digest, dimension=manifest.dimension)
    try:
        with session.begin_nested():
            session.add(encoder)
    except IntegrityError:
        # Another pool's reindex was quicker.
        return session.scalars(known).one()
    return encoder.id


def _folder(settings: Settings, name: str) -> Path:
    checked_name(name)
    folders = _named_folders(settings)
    if name not in folders:
        there = ", ".join(f"“{other}”" for other in sorted(folders)) or "none"
        raise EncoderNotFound(f"There is no encoder “{name}”. Those there are: {there}.")
    return folders[name]


def _named_folders(settings: Settings) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for place in settings.encoder_folders:
        for folder in _visible_folders(place):
            folders.setdefault(folder.name, folder)
    return folders


def _visible_folders(place: Path) -> Iterator[Path]:
    if place.is_dir():
        # Hidden ones are drafts that were never published.
        yield from (entry for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith((".", "_")))


def _line(name: str, folder: Path) -> EncoderLine:
    try:
        return EncoderLine(name, EncoderManifest.read(folder, verify=False))
    except BadArtifact as problem:
        return EncoderLine(name, None, _told(name, folder, problem))


def _told(name: str, folder: Path, problem: BadArtifact) -> str:
    reason = str(problem).replace(str(folder), "its folder")
    return f"The encoder “{name}” cannot be used: {reason}"
