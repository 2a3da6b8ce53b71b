"""An import as a job: a child process that reads the folder, then a reindex if it was asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path

from sqlalchemy.orm import Session

from app.db import Database
from app.identity.people import local_person
from app.jobs import queries
from app.jobs.lifecycle import REINDEX
from app.jobs.queries import AlreadyRunning
from app.jobs.work import Report, Result, Work
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


def import_in_a_child(work: Work) -> Result:
    """Run `winnow import`, and queue a reindex of the pool if the job asks for one."""
    folder = work.job.arguments["folder"]
    events = work.run("app.cli", "import", "--job", str(work.job.id), "--", work.job.pool, folder)
    result: Result = next((event["result"] for event in events if event.get("event") == "result"), {})
    if work.job.arguments.get("reindex"):
        result = {**result, "reindex": _queue_reindex(work)}
    return result


def _queue_reindex(work: Work) -> int:
    try:
        with work.database.write() as session:
            return queries.create(
                session, kind=REINDEX, pool_id=work.job.pool_id, arguments={}, person_id=work.job.person_id
            ).id
    except AlreadyRunning as error:
        return error.job.id
