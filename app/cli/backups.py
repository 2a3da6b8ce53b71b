"""`winnow backup` and `winnow restore`: what cannot be made anew, in a folder with a checksum for each file."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar

import typer
from sqlalchemy import make_url

from app.cli.frame import opened_database, read_settings
from app.cli.telling import say
from app.db import Database
from app.errors import CannotStart, Conflict
from app.migrations import upgrade
from app.settings import Settings
from ml.artifacts import MANIFEST, BadArtifact, Manifest, file_digest, now, publishing

SQLITE = "sqlite"
DATABASE = "winnow.db"
# Nothing in them ever changes, and the database names nothing that is not there yet: copied after it, they fit it.
KEPT = ("uploads", "encoders", "indexes")
# Seldom does a reindex end while files are copied, so that each round meets one is not to be feared. What is missing
# from the home itself stays missing.
_ROUNDS = 3

Folder = Annotated[Path, typer.Argument(metavar="FOLDER")]


class NoBackup(CannotStart):
    """This folder is no backup, or a damaged one; nothing was changed."""


class BackupFailed(CannotStart):
    """The backup could not be written; nothing is left of it."""


class HomeNotEmpty(Conflict):
    """The home folder holds a Winnow already; with --replace it is put aside, and the backup takes its place."""


class StillRunning(Conflict):
    """Winnow runs on this home folder; stop it first."""


class OtherDatabase(Conflict):
    """This backup is of another kind of database than WINNOW_DATABASE_URL names; nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class BackupManifest(Manifest):
    """A backup; of PostgreSQL it holds everything but the database."""

    kind: ClassVar[str] = "backup"

    database: str  # "sqlite" or "postgresql"


def backup(folder: Folder) -> None:
    """Back up the database and what belongs to it into a new FOLDER, while Winnow runs."""
    settings = read_settings()
    with opened_database(settings) as database:
        manifest = back_up(database, settings, folder)
    say(f"{len(manifest.files):,} files are in {folder}, each with its checksum.")
    if manifest.database != SQLITE:
        say("The database is not among them: take it with pg_dump, before this backup rather than after it.")


def restore(
    folder: Folder,
    replace: Annotated[bool, typer.Option("--replace", help="Put aside what is in the home folder.")] = False,
) -> None:
    """Bring back the backup in FOLDER. Winnow has to be stopped."""
    settings = read_settings()
    aside = bring_back(settings, folder, replace=replace)
    say(f"The backup is in {settings.home}.")
    if aside is not None:
        say(f"What was there before lies in {aside}; remove it when you miss nothing.")
    if not settings.database.startswith(SQLITE):
        say("The database was not in it: bring that back with pg_restore.")
    say("Thumbnails come back when you import the folders of pictures again.")


def back_up(database: Database, settings: Settings, folder: Path) -> BackupManifest:
    """Write a backup that is there whole or not at all. Raises BackupFailed."""
    engine = database.engine.dialect.name
    try:
        with publishing(folder) as draft:
            for _ in range(_ROUNDS):
                if engine == SQLITE:
                    _copy_live(_sqlite_file(settings), draft / DATABASE)
                for name in KEPT:
                    for entry in _visible(settings.home / name):
                        if not (draft / name / entry.name).exists():
                            _copy_entry(entry, draft / name / entry.name)
                # A reindex may have served a new one meanwhile and removed that of the copy before it was copied.
                if engine != SQLITE or _has_what_is_served(draft):
                    break
            manifest = BackupManifest(files=_digests(draft), created_at=now(), database=engine)
            manifest.write(draft)
    except BadArtifact as error:
        raise BackupFailed(str(error)) from error
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BackupFailed(f"The backup could not be written ({reason}); nothing is left of it.") from error
    return manifest


def bring_back(settings: Settings, folder: Path, *, replace: bool = False) -> Path | None:
    """Put a backup in the place of what is there, and return where that was put; None if there was nothing.

    Every file is copied and compared before anything is moved. The database is moved last, in one step. Raises
    NoBackup, OtherDatabase, NewerDatabase, HomeNotEmpty and StillRunning; nothing has changed then.
    """
    home, live = settings.home, _sqlite_file(settings)
    there = [path for path in (*(home / name for name in KEPT), live) if path is not None and path.exists()]
    _manifest(folder)
    if there and not replace:
        raise HomeNotEmpty
    home.mkdir(parents=True, exist_ok=True)
    stage = home / f".restoring-{secrets.token_hex(4)}"
    # The database may lie on another file system, where a file of the home cannot be moved to in one step.
    beside = None if live is None else live.with_name(f"{stage.name}.db")
    try:
        _stage(folder, stage, sqlite=live is not None)
        if live is not None and live.exists():
            _settle(live)
        aside = home / f"replaced-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}" if there else None
        _prepare(live, beside, stage=stage, aside=aside)
        for name in KEPT:
            if aside is not None and (home / name).exists():
                (home / name).rename(aside / name)
            if (stage / name).exists():
                (stage / name).rename(home / name)
        if live is not None and beside is not None:
            beside.replace(live)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if beside is not None:
            beside.unlink(missing_ok=True)
    return aside


def _copy_live(source: Path | None, target: Path) -> None:
    """Copy an SQLite database as it is at one moment; those who write meanwhile do not wait."""
    assert source is not None
    with closing(sqlite3.connect(source)) as present, closing(sqlite3.connect(target)) as copy:
        present.backup(copy)
        (said,) = copy.execute("PRAGMA quick_check").fetchone()
        if said != "ok":
            raise BackupFailed(f"The database is damaged, so there is no backup of it: {said}.")


def _copy_entry(entry: Path, target: Path) -> None:
    """Copy a folder that never changes; one that somebody removes meanwhile is left out."""
    try:
        shutil.copytree(entry, target, copy_function=_copy_file, ignore=shutil.ignore_patterns(".*"))
    except (shutil.Error, FileNotFoundError):
        shutil.rmtree(target, ignore_errors=True)
        if entry.exists():
            raise


def _has_what_is_served(draft: Path) -> bool:
    """Whether a draft holds the folders of all versions that its database serves."""
    with closing(sqlite3.connect(draft / DATABASE)) as copy:
        rows = copy.execute("SELECT artifact FROM index_version WHERE id IN (SELECT index_version_id FROM served)")
        served = [draft / "indexes" / artifact for (artifact,) in rows]
    return all(folder.exists() for folder in served)


def _copy_file(source: str, target: str) -> str:
    shutil.copyfile(source, target)
    with Path(target).open("rb") as file:
        os.fsync(file.fileno())
    return target


def _visible(folder: Path) -> list[Path]:
    # Hidden ones are drafts.
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    return [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def _manifest(folder: Path) -> BackupManifest:
    try:
        return BackupManifest.read(folder, verify=False)
    except BadArtifact as error:
        raise NoBackup(str(error)) from error


def _stage(folder: Path, stage: Path, *, sqlite: bool) -> None:
    """Copy a backup next to where it will be, and see that it is whole and not too new for this version."""
    manifest = _manifest(folder)
    try:
        for name in manifest.files:
            target = stage / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy_file(str(folder / name), str(target))
        shutil.copyfile(folder / MANIFEST, stage / MANIFEST)
        BackupManifest.read(stage)
    except BadArtifact as error:
        raise NoBackup(str(error).replace(str(stage), str(folder))) from error
    except OSError as error:
        raise NoBackup(f"The backup {folder} cannot be copied: {error.strerror}. Nothing was changed.") from error
    if (manifest.database == SQLITE) != sqlite:
        raise OtherDatabase
    if sqlite:
        database = Database(f"sqlite:///{stage / DATABASE}")
        try:
            upgrade(database)
        finally:
            database.dispose()


def _prepare(live: Path | None, beside: Path | None, *, stage: Path, aside: Path | None) -> None:
    """Put the database that comes beside the one that is there, and keep that one aside. Raises NoBackup."""
    try:
        if aside is not None:
            aside.mkdir()
        if live is not None and beside is not None:
            live.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(str(stage / DATABASE), str(beside), copy_function=_copy_file)
            if aside is not None and live.exists():
                _keep(live, aside / DATABASE)
    except OSError as error:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        raise NoBackup(f"The backup cannot be brought back: {error.strerror}. Nothing was changed.") from error


def _keep(live: Path, target: Path) -> None:
    """Give a database a second name, or where it lies on another file system a copy."""
    try:
        os.link(live, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_file(str(live), str(target))


def _settle(live: Path) -> None:
    """Bring all of an SQLite database into its one file, which only works while nobody has it open."""
    with closing(sqlite3.connect(live, timeout=1)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            raise StillRunning from error


def _sqlite_file(settings: Settings) -> Path | None:
    url = make_url(settings.database)
    return Path(url.database) if url.get_backend_name() == SQLITE and url.database else None
