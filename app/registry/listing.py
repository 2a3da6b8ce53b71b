"""The index versions of a pool as one chooses among them: which is or was served, which are pinned, what they take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from sqlalchemy.orm import Session

from app.registry import queries
from app.registry.keeping import pins
from app.registry.queries import VersionLine
from app.registry.serving import has_files
from app.settings import Settings


class Standing(TypedDict):
    """How an index version stands just now."""

    served: bool
    served_before: bool  # and no longer
    missing: bool  # its folder, or a file of it
    pinned_by: int  # reviews
    bytes: int  # on the disk; 0 if its folder is gone


@dataclass(frozen=True)
class ListedLine:
    version: VersionLine
    more: Standing


def versions_listed(session: Session, settings: Settings, *, pool_id: int) -> list[ListedLine]:
    """Return the versions of a pool that were not removed, newest first."""
    served = queries.served_version(session, pool_id=pool_id)
    now_served = None if served is None else served.id
    ever = queries.served_ever(session, pool_id=pool_id)
    pinned = pins(session, settings, pool_id=pool_id)
    return [
        ListedLine(
            version,
            Standing(
                served=version.id == now_served,
                served_before=version.id in ever and version.id != now_served,
                missing=not has_files(settings.indexes, version),
                pinned_by=pinned.get(version.id, 0),
                bytes=_size(settings.indexes / version.artifact),
            ),
        )
        for version in queries.versions_of(session, pool_id=pool_id)
    ]


def _size(folder: Path) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except OSError:
        return 0
