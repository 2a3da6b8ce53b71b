"""`winnow serve` and `quickstart`: what people come to."""

from __future__ import annotations

import os
import signal
import sys
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain, count
from pathlib import Path
from socket import socket
from typing import Annotated
from urllib.parse import quote

import typer
from sqlalchemy.orm import Session

from app.cli.answering import answer_requests
from app.cli.frame import log_to_stderr, opened_database, read_settings
from app.cli.listening import listening_socket, url_of
from app.cli.pictures import import_folder, refuse_without_pictures, reindex_pool
from app.cli.telling import say
from app.db import Database
from app.demo import demo_folder
from app.jobs.queries import AlreadyRunning
from app.jobs.reindex import has_seen_all
from app.jobs.supervisor import WorkerProcess
from app.names import BadName, checked_name
from app.pools.errors import PoolNotFound
from app.pools.folders import checked_folder
from app.pools.queries import PoolLine, create_pool, folders_of, pool_named, pools
from app.settings import Settings

Host = Annotated[str | None, typer.Option(help="The address to listen on; the setting's if absent.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="The port; the setting's if absent.")]


def serve(
    host: Host = None,
    port: Port = None,
    workers: Annotated[int | None, typer.Option(min=1, help="How many processes answer requests.")] = None,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave long work to another process.")] = False,
) -> None:
    """Serve Winnow to browsers, with a worker beside it, until told to stop."""
    settings = read_settings(host=host, port=port, workers=workers, start_worker=False if no_worker else None)
    log_to_stderr(settings)
    with listening_socket(settings) as listener:
        _serve(settings, listener, on_ready=lambda url: say(f"Winnow is at {url}"))


def quickstart(
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="Pictures; some to try if absent.")] = None,
    host: Host = None,
    port: Port = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
) -> None:
    """Make a pool of the pictures in FOLDER, ready to label, and serve it."""
    settings = read_settings(host=host, port=port)

    def show(url: str) -> None:
        address = f"{url}/pools/{quote(pool.name, safe='')}"
        say(f"\nWinnow is ready. Open {address}\nTo stop it, press Ctrl-C here.\n")
        if not no_browser and _has_display():
            webbrowser.open(address)

    # The port comes first: who has to choose another one should not learn it after minutes of work.
    with listening_socket(settings) as listener:
        with opened_database(settings) as database:
            pool = _ready_pool(database, settings, folder)
        log_to_stderr(settings)
        _serve(settings, listener, on_ready=show)


def _serve(settings: Settings, listener: socket, *, on_ready: Callable[[str], None]) -> None:
    """Serve until told to stop; answers under way are finished, and the worker ends too."""
    with opened_database(settings):
        pass
    with ExitStack() as stack:
        # Uvicorn, when it is done, lets the signal that ended it take its usual course.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        if settings.start_worker:
            stack.enter_context(WorkerProcess(settings))
        on_ready(url_of(listener))
        answer_requests(settings, listener)


def _ready_pool(database: Database, settings: Settings, folder: Path | None) -> PoolLine:
    """Return the pool of a folder, imported and indexed; what is up to date is left as it is."""
    if folder is None:
        folder = demo_folder(settings.home, say)
    location = checked_folder(folder, called=str(folder))
    pool = _pool_of(database, settings, location)
    try:
        import_folder(database, settings, pool, location)
        if not has_seen_all(database, settings, pool_id=pool.id):
            reindex_pool(database, settings, pool)
    except AlreadyRunning as error:
        say(f"{error.sentence} It goes on while you label.")
    return pool


def _pool_of(database: Database, settings: Settings, location: Path) -> PoolLine:
    """Return the pool that this folder was imported into, or a new one that is named after it."""
    with database.read() as session:
        for pool, _ in pools(session):
            if str(location) in folders_of(session, pool_id=pool.id):
                return pool
    refuse_without_pictures(settings, location)
    with database.write() as session:
        return create_pool(session, name=_free_name(session, location.name))


def _free_name(session: Session, wanted: str) -> str:
    """Return the wanted name if it can be used and no pool has it, else one like it."""
    try:
        name = checked_name(wanted)
    except BadName:
        name = "pictures"
    for candidate in chain([name], (f"{name} {number}" for number in count(2))):
        try:
            pool_named(session, candidate)
        except PoolNotFound:
            return candidate
    raise AssertionError("There are names without end.")


def _has_display() -> bool:
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
