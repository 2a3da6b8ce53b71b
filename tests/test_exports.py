"""An export lasts as long as somebody reads it: one that nobody reads keeps its place for nobody."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Thread

import pytest
import uvicorn
from fastapi import FastAPI

from app import exports
from app.cli.frame import log_to_stderr
from app.db import EXPORTS_AT_ONCE, Database, TooManyExports
from app.insight import journal_routes
from app.labels import routes
from app.main import create_app
from app.settings import Settings
from tests.conftest import one_database
from tests.jobs.conftest import wait_for
from tests.seeded import seed_pool, two_heaps

API = "/api/v1/pools/birds"
BLOCK = "one,two,three\n" * 5_000
THE_END = b"0\r\n\r\n"


@contextmanager
def answering(app: FastAPI) -> Iterator[tuple[str, int]]:
    """Yield where a real server answers, which may not keep much for those who do not read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


def asked(place: tuple[str, int], path: str) -> socket.socket:
    """Return the connection by which an export was asked for, of which nothing is read yet."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    reader.settimeout(30)
    reader.connect(place)
    reader.sendall(f"GET {API}/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader


def rest(reader: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    found = b""
    while piece := reader.recv(65_536):
        found += piece
    return found


def exports_under_way(database: Database) -> int:
    with ExitStack() as free:
        for more in range(EXPORTS_AT_ONCE):
            try:
                free.enter_context(database.export())
            except TooManyExports:
                return EXPORTS_AT_ONCE - more
    return 0


def without_end(*_: object, **__: object) -> Iterator[str]:
    while True:
        yield BLOCK


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports hold more than any network takes by itself."""
    monkeypatch.setattr(routes, "export_csv", without_end)
    monkeypatch.setattr(journal_routes, "csv_lines", without_end)


@pytest.mark.usefixtures("endless")
def test_an_export_of_which_nothing_is_read_is_given_up(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(exports, "UNREAD_AT_MOST_S", 2)
    log_to_stderr(settings)
    caplog.set_level(logging.INFO)
    seed_pool(settings, database, vectors=two_heaps(2, 2))
    app = create_app(settings)
    with answering(app) as place, ExitStack() as readers:
        paths = ["labels.csv", "journal.csv"] * (EXPORTS_AT_ONCE // 2)
        stalled = [readers.enter_context(asked(place, path)) for path in paths]
        wait_for(lambda: exports_under_way(app.state.database) == EXPORTS_AT_ONCE)
        refused = readers.enter_context(asked(place, "labels.csv"))
        assert refused.recv(12) == b"HTTP/1.1 503"
        wait_for(lambda: exports_under_way(app.state.database) == 0)
        for reader in stalled:
            got = rest(reader)
            assert got.startswith(b"HTTP/1.1 200")
            assert not got.endswith(THE_END), "it cannot be taken for whole"
    told = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert [(record.levelname, record.getMessage(), record.exc_info) for record in told] == [
        ("INFO", "An export was given up: nothing of it was read for 2 s.", None)
    ] * EXPORTS_AT_ONCE


@one_database
def test_an_export_that_is_read_slowly_goes_on(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [BLOCK] * 10
    monkeypatch.setattr(routes, "export_csv", lambda *_, **__: iter(blocks))
    monkeypatch.setattr(exports, "UNREAD_AT_MOST_S", 2)
    seed_pool(settings, database, vectors=two_heaps(2, 2))
    with answering(create_app(settings)) as place, asked(place, "labels.csv") as reader:
        got = bytearray()
        for pause in range(1, 6):
            # In all, longer than nothing may be read.
            time.sleep(0.6)
            while len(got) < pause * 2 * len(BLOCK):
                piece = reader.recv(65_536)
                assert piece, "the connection was closed"
                got += piece
        while not got.endswith(THE_END):
            got += reader.recv(65_536)
    assert len(got) > len("".join(blocks))


@one_database
def test_a_complaint_of_the_server_is_kept_back_only_of_an_answer_that_was_given_up(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    log_to_stderr(settings)
    logging.getLogger("uvicorn.error").error("It broke.")
    assert [record.getMessage() for record in caplog.records] == ["It broke."]
