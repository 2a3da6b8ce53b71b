"""Imports a folder into a pool. It can be killed at any moment and run again: it does only what is left."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.db import Database
from app.pools import import_queries as queries
from app.pools.comparing import Plan, compare
from app.pools.errors import DiskFull, NoPictures
from app.pools.folders import checked_folder
from app.pools.import_queries import DUPLICATE, KNOWN, MOVED, NEW
from app.pools.reading import Failure, Picture, read_pictures
from app.pools.thumbnails import ThumbnailStore
from app.pools.walking import walk

Report = Callable[[str, int, int | None], None]  # phase, done, and the total if it is known
OnLabelled = Callable[[Session, Mapping[str, Set[int]]], None]  # the ids of images by the class that files name

# One transaction stores so many pictures, or those of so many seconds: what a kill loses.
_BATCH_PICTURES, _BATCH_SECONDS = 500, 2.0
_SECONDS_BETWEEN_REPORTS = 0.2
_POSTGRES_DISK_FULL = "53100"


@dataclass(frozen=True)
class ImportSummary:
    """What an import came to, counted in picture files and in records of STL-10 and CIFAR-10 files.

    All pictures of the folder are new + known + duplicates + moved + unreadable.
    """

    new: int
    known: int  # that lay there at the last import, too
    duplicates: int  # new paths of images that lie elsewhere in the pool
    moved: int  # new paths of images that lay elsewhere in the pool
    unreadable: int
    missing: int  # images of this folder that lie nowhere any more
    ignored: int  # files that are no pictures by their names


def import_folder(
    database: Database,
    thumbnails: ThumbnailStore,
    *,
    pool_id: int,
    folder: Path,
    max_pixels: int,
    report: Report,
    on_labelled: OnLabelled,
) -> ImportSummary:
    """Bring a pool up to date with a folder, whose files are only read.

    Files that are unchanged by size and time are not read again. `report` is called about five times a second, and
    `on_labelled` within the transactions that store images whose files name their class. Raises FolderUnusable and
    NoPictures before anything is stored, DiskFull and ThumbnailsNotKept with what was stored by then kept.
    """
    location = checked_folder(folder)
    progress = _Progress(report)
    # Winnow's home: thumbnails and uploads of all pools lie there.
    own_files = Path(os.path.realpath(thumbnails.root.parent))
    walked = walk(location, leave_out=own_files, noticed=lambda count: progress("looking", count))
    if not walked.files and not walked.unreadable:
        raise NoPictures(f"The folder “{folder}” holds no pictures.")
    thumbnails.sweep()
    with _full_disk_named():
        with database.write() as session:
            queries.take_turns(session)
            folder_id = queries.enter_folder(session, pool_id=pool_id, location=str(location))
            known = queries.known_places(session, folder_id=folder_id)
        # Between transactions: it looks for every thumbnail, and reviews want to store their verdicts meanwhile.
        plan = compare(walked, known, location=location, has_thumbnails=thumbnails.has)
        with database.write() as session:
            queries.take_turns(session)
            _settle(session, plan, pool_id=pool_id, folder_id=folder_id)
        paths = Counter({KNOWN: plan.unchanged})
        read = read_pictures(plan.unread, thumbnails=thumbnails, max_pixels=max_pixels)
        for batch in _batches(progress.over(chain(plan.unreadable, read), plan)):
            with database.write() as session:
                queries.take_turns(session)
                paths += _store(session, batch, pool_id=pool_id, folder_id=folder_id, on_labelled=on_labelled)
    database.count_anew()
    with database.read() as session:
        return ImportSummary(
            new=paths[NEW],
            known=paths[KNOWN],
            duplicates=paths[DUPLICATE],
            moved=paths[MOVED],
            unreadable=queries.count_unreadable(session, folder_id=folder_id),
            missing=queries.count_missing(session, folder_id=folder_id),
            ignored=walked.ignored,
        )


class _Progress:
    """Reports now and then, and always the end."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._next = 0.0

    def __call__(self, phase: str, done: int, total: int | None = None) -> None:
        if done == total or time.monotonic() >= self._next:
            self._next = time.monotonic() + _SECONDS_BETWEEN_REPORTS
            self._report(phase, done, total)

    def over(self, outcomes: Iterable[Picture | Failure], plan: Plan) -> Iterator[Picture | Failure]:
        """Pass the outcomes on and count them, after what is unchanged."""
        total = plan.unchanged + len(plan.unreadable) + len(plan.unread)
        self("importing", plan.unchanged, total)
        for done, outcome in enumerate(outcomes, start=plan.unchanged + 1):
            yield outcome
            self("importing", done, total)


def _settle(session: Session, plan: Plan, *, pool_id: int, folder_id: int) -> None:
    """Store what is known without reading: what is back, what is gone, what is no longer unreadable."""
    queries.mark_found(session, place_ids=plan.returned)
    queries.mark_missing(session, place_ids=plan.vanished)
    queries.forget_moved(session, pool_id=pool_id)
    in_question = {failure.path for failure in plan.unreadable} | {source.path for source in plan.unread}
    queries.keep_unreadable(session, folder_id=folder_id, among=in_question)


def _batches(outcomes: Iterable[Picture | Failure]) -> Iterator[list[Picture | Failure]]:
    batch: list[Picture | Failure] = []
    began = time.monotonic()
    for outcome in outcomes:
        batch.append(outcome)
        if len(batch) == _BATCH_PICTURES or time.monotonic() - began > _BATCH_SECONDS:
            yield batch
            batch, began = [], time.monotonic()
    if batch:
        yield batch


def _store(
    session: Session,
    batch: list[Picture | Failure],
    *,
    pool_id: int,
    folder_id: int,
    on_labelled: OnLabelled,
) -> Counter[str]:
    pictures = [outcome for outcome in batch if isinstance(outcome, Picture)]
    reasons = {outcome.path: outcome.reason for outcome in batch if isinstance(outcome, Failure)}
    stored = queries.store_pictures(session, pool_id=pool_id, folder_id=folder_id, pictures=pictures)
    queries.forget_unreadable(session, folder_id=folder_id, paths=[picture.source.path for picture in pictures])
    queries.store_unreadable(session, pool_id=pool_id, folder_id=folder_id, reasons=reasons)
    if stored.labelled:
        on_labelled(session, stored.labelled)
    return stored.paths


@contextmanager
def _full_disk_named() -> Iterator[None]:
    """Raise DiskFull where the database found no room."""
    try:
        yield
    except OperationalError as error:
        no_room = {sqlite3.SQLITE_FULL, _POSTGRES_DISK_FULL}
        if {getattr(error.orig, "sqlite_errorcode", None), getattr(error.orig, "sqlstate", None)} & no_room:
            raise DiskFull from error
        raise
