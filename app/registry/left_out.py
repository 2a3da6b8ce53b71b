"""The images of a pool that an index version had to leave out, and why."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.pools.held import path_in_pool
from app.registry.queries import VersionLine
from app.tables import Image


@dataclass(frozen=True)
class LeftOutLine:
    """An image without a vector, which no review can show."""

    image: str  # SHA-256 in hex
    path: str  # relative to its folder
    reason: str  # the end of a sentence that begins with the path


def left_out_images(session: Session, indexes: Path, *, version: VersionLine, limit: int) -> list[LeftOutLine]:
    """Return the first so many images that a version left out, by their paths.

    None are known of a version whose folder is gone; it cannot be served either.
    """
    try:
        with (indexes / version.artifact / "left_out.jsonl").open(encoding="utf-8") as lines:
            reasons = {entry["id"]: entry["reason"] for entry in map(json.loads, islice(lines, limit))}
    except FileNotFoundError:
        return []
    wanted = select(Image.sha256, path_in_pool(Image.id, pool_id=version.pool_id)).where(Image.sha256.in_(reasons))
    found = [LeftOutLine(image, path, reasons[image]) for image, path in session.execute(wanted)]
    return sorted(found, key=lambda line: line.path)
