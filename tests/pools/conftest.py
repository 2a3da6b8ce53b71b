"""A pool, a folder for its pictures, and an import of it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Database
from app.pools.importing import ImportSummary, import_folder
from app.pools.queries import PoolLine, create_pool
from app.pools.thumbnails import ThumbnailStore
from app.settings import Settings
from app.tables import Table


@dataclass
class Importer:
    """Imports folders, and remembers what the import told on its way."""

    database: Database
    thumbnails: ThumbnailStore
    pool: PoolLine
    reports: list[tuple[str, int, int | None]] = field(default_factory=list)
    labelled: dict[str, list[int]] = field(default_factory=dict)

    def __call__(self, folder: Path, *, pool: PoolLine | None = None, max_pixels: int = 1_000_000) -> ImportSummary:
        return import_folder(
            self.database,
            self.thumbnails,
            pool_id=(pool or self.pool).id,
            folder=folder,
            max_pixels=max_pixels,
            report=lambda *report: self.reports.append(report),
            on_labelled=self._remember,
        )

    def _remember(self, session: Session, labelled: Mapping[str, Set[int]]) -> None:
        for class_name, image_ids in labelled.items():
            self.labelled.setdefault(class_name, []).extend(sorted(image_ids))


@pytest.fixture
def pool(database: Database) -> PoolLine:
    with database.write() as session:
        return create_pool(session, name="birds")


@pytest.fixture
def thumbnails(settings: Settings) -> ThumbnailStore:
    return ThumbnailStore(settings.thumbnails)


@pytest.fixture
def importer(database: Database, thumbnails: ThumbnailStore, pool: PoolLine) -> Importer:
    return Importer(database, thumbnails, pool)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables."""
    with database.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in Table.metadata.sorted_tables
        }
