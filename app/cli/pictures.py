"""`winnow import` and `winnow reindex`: pictures come in, vectors are made of them."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.bars import progress_shown
from app.cli.frame import PoolName, opened_database, read_settings
from app.cli.telling import print_event, say
from app.db import Database
from app.errors import AppError
from app.jobs import lifecycle
from app.jobs import queries as jobs
from app.jobs import reindex as reindexing
from app.jobs.child import when_stdin_ends
from app.jobs.imports import import_here
from app.jobs.work import do_now
from app.pools.errors import NoPictures, PoolNotFound
from app.pools.folders import checked_folder
from app.pools.queries import PoolLine, create_pool, lost_images, pool_named, unreadable_files
from app.pools.walking import walk
from app.settings import Settings

NAMED_AT_MOST = 20


class ClassesPerImage(StrEnum):
    """How many classes an image of a pool can be labelled as."""

    ONE = "one"
    SEVERAL = "several"


def import_pictures(
    pool: PoolName,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the pictures are. They stay there.")],
    classes_per_image: Annotated[
        ClassesPerImage | None, typer.Option(help="How many classes an image may have; for a new pool.")
    ] = None,
    reindex: Annotated[bool, typer.Option("--reindex", help="Reindex the pool afterwards.")] = False,
    job: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Read the pictures below FOLDER into POOL, which is made if need be. Run again, it does only what is left."""
    settings = read_settings()
    if job is not None:
        _import_for_a_job(settings, job, folder)
        return
    with opened_database(settings) as database:
        location = checked_folder(folder, called=str(folder))
        found = _pool(database, settings, pool, location, classes_per_image)
        import_folder(database, settings, found, location)
        if reindex:
            reindex_pool(database, settings, found)


def reindex(
    pool: PoolName,
    encoder: Annotated[
        str | None, typer.Option(help="The name of an encoder; if absent the served one's, else the setting's.")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve it at once, also if the encoder is another one.")
    ] = False,
) -> None:
    """Turn the pool's images into vectors and build an index version of them, which is checked.

    With the encoder that is served already it is served at once, with another one it waits as a candidate.
    """
    settings = read_settings()
    with opened_database(settings) as database:
        with database.read() as session:
            found = pool_named(session, pool)
        reindex_pool(database, settings, found, encoder=encoder, serve=serve)


def import_folder(database: Database, settings: Settings, pool: PoolLine, folder: Path) -> None:
    """Import a folder in this process, with a bar, and tell what came of it. Raises AlreadyRunning."""
    with progress_shown() as watch:
        result = do_now(
            database,
            settings,
            kind=lifecycle.IMPORT,
            pool_id=pool.id,
            arguments={"folder": str(folder), "reindex": False},
            perform=lambda work: import_here(
                database, settings, pool_id=pool.id, folder=folder, report=work.report_or_stop
            ),
            watch=watch,
            say=say,
        )
    _tell_import(database, pool, folder, result)


def reindex_pool(
    database: Database, settings: Settings, pool: PoolLine, *, encoder: str | None = None, serve: bool = False
) -> None:
    """Reindex a pool from this process, with a bar, and tell what came of it. Raises AlreadyRunning."""
    arguments: dict[str, Any] = {} if encoder is None else {"encoder": encoder}
    if serve:
        arguments["serve"] = True
    with progress_shown() as watch:
        result = do_now(
            database,
            settings,
            kind=lifecycle.REINDEX,
            pool_id=pool.id,
            arguments=arguments,
            perform=reindexing.reindex,
            watch=watch,
            say=say,
        )
    standing = "is served" if result["served"] else "is a candidate"
    say(f"Index version {result['index_version']} of “{pool.name}” {standing}: {_count(result['count'], 'image')}.")
    if result["left_out"]:
        say(f"{_count(result['left_out'], 'image')} left out:")
        _name([f"{entry['path']} {entry['reason']}" for entry in result["left_out_named"]], result["left_out"])


def refuse_without_pictures(settings: Settings, folder: Path) -> None:
    """Raise NoPictures for a folder that a new pool would stay empty of; a mistyped name makes none."""
    found = walk(folder, leave_out=settings.home, noticed=lambda _: None)
    if not found.files and not found.unreadable:
        raise NoPictures(f"The folder “{folder}” holds no pictures.")


def _import_for_a_job(settings: Settings, job: int, folder: Path) -> None:
    """Import for the worker that started this process: progress, result and error are JSON lines."""
    when_stdin_ends(lambda: os._exit(1))
    try:
        with opened_database(settings) as database:
            # By the job: its pool may have another name by now.
            with database.read() as session:
                asked = jobs.job(session, id=job)
            result = import_here(
                database,
                settings,
                pool_id=asked.pool_id,
                folder=folder,
                report=_print_progress,
                person_id=asked.person_id,
            )
    except AppError as error:
        print_event(event="error", message=error.sentence)
        raise typer.Exit(error.exit_code) from error
    print_event(event="result", result=result)


def _print_progress(phase: str, done: int, total: int | None) -> None:
    print_event(event="progress", phase=phase, done=done, total=total)


def _pool(
    database: Database, settings: Settings, name: str, folder: Path, classes_per_image: ClassesPerImage | None
) -> PoolLine:
    try:
        with database.read() as session:
            return pool_named(session, name)
    except PoolNotFound:
        refuse_without_pictures(settings, folder)
    with database.write() as session:
        made = create_pool(session, name=name, classes_per_image=classes_per_image or ClassesPerImage.ONE)
    say(f"Made the pool “{made.name}”.")
    return made


def _tell_import(database: Database, pool: PoolLine, folder: Path, result: dict[str, Any]) -> None:
    told = {"new": "new", "known": "known", "duplicates": "duplicate", "moved": "moved"}
    readable = ", ".join(f"{result[key]:,} {word}" for key, word in told.items())
    say(f"“{pool.name}”: {readable}; {result['unreadable']:,} unreadable, {result['missing']:,} missing.")
    with database.read() as session:
        unreadable = unreadable_files(session, pool_id=pool.id, location=str(folder), limit=NAMED_AT_MOST)
        missing = lost_images(session, pool_id=pool.id, location=str(folder), limit=NAMED_AT_MOST)
    if result["unreadable"]:
        say("Cannot be read:")
        _name([f"{file.path} {file.reason}" for file in unreadable], result["unreadable"])
    if result["missing"]:
        say("No longer there (their labels stay):")
        _name([image.path for image in missing], result["missing"])


def _name(lines: list[str], count: int) -> None:
    for line in lines:
        say(f"  {line}")
    if count > len(lines):
        say(f"  … and {count - len(lines):,} more; the pool's page in the browser lists them all.")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
