"""An import, done in this process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path

from sqlalchemy.orm import Session

from app.db import Database
from app.identity.people import local_person
from app.jobs.work import Report, Result
from app.pools.importing import import_folder
from app.pools.thumbnails import ThumbnailStore
from app.settings import Settings
from app.verdicts.journal import store_import_labels


def import_here(
    database: Database, settings: Settings, *, pool_id: int, folder: Path, report: Report, person_id: int | None = None
) -> Result:
    """Bring a pool up to date with a folder; labels that its files carry become verdicts of whoever imports it.

    That is the local person if nobody is named, as from a command line. Returns the figures of the import's summary.
    Raises what `import_folder` raises.
    """
    if person_id is None:
        with database.read() as session:
            person_id = local_person(session).id
    whose = person_id

    def keep_labels(session: Session, labelled: Mapping[str, Collection[int]]) -> None:
        store_import_labels(session, pool_id=pool_id, labelled=labelled, person_id=whose)

    summary = import_folder(
        database,
        ThumbnailStore(settings.thumbnails),
        pool_id=pool_id,
        folder=folder,
        max_pixels=settings.max_pixels,
        report=report,
        on_labelled=keep_labels,
    )
    return asdict(summary)
