"""An import in a process of its own, which can be limited, stripped of its rights, or killed.

Takes a JSON object as its one argument, prints the summary or the sentence of an AppError as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import PIL.Image
from sqlalchemy import event

from app.db import Database
from app.errors import AppError
from app.pools.importing import import_folder
from app.pools.thumbnails import ThumbnailStore

NOBODY = 65534


def main(
    database_url: str,
    thumbnails: str,
    pool_id: int,
    folder: str,
    largest_file: int | None = None,
    die_at_commit: int | None = None,
    as_nobody: bool = False,
) -> None:
    database = Database(database_url)
    if die_at_commit is not None:
        _die_at_commit(database, die_at_commit)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    if as_nobody:
        # Everything that is loaded late has to be loaded now: nobody may not look into root's folders.
        PIL.Image.init()
        database.engine.connect().close()
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        summary = import_folder(
            database,
            ThumbnailStore(Path(thumbnails)),
            pool_id=pool_id,
            folder=Path(folder),
            max_pixels=100_000_000,
            report=lambda *_: None,
            on_labelled=lambda *_: None,
        )
        memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({"summary": asdict(summary), "memory_mb": memory_mb}))
    except AppError as error:
        print(json.dumps({"sentence": error.sentence, "status": error.status}))


def _die_at_commit(database: Database, number: int) -> None:
    """Kill this process when the numbered transaction is about to be committed."""
    left = iter(range(number - 1))

    def count(_: object) -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "commit", count)


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
