"""The transactions of requests: one each, committed before the answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session


def read_session(request: Request) -> Iterator[Session]:
    """A read transaction that stays open until the last byte of the answer is sent."""
    with request.app.state.database.read() as session:
        yield session


def export_session(request: Request) -> Iterator[Session]:
    """A read transaction for an answer that is streamed."""
    with request.app.state.database.export() as session:
        yield session


def write_session(request: Request) -> Iterator[Session]:
    """A write transaction for one request."""
    with request.app.state.database.write() as session:
        yield session


ReadSession = Annotated[Session, Depends(read_session)]
# Ended before the answer is sent: a slow client that loads something large keeps no connection to the database.
BriefSession = Annotated[Session, Depends(read_session, scope="function")]
ExportSession = Annotated[Session, Depends(export_session)]
# With the usual scope the commit would run after the answer, and a failing one would still have told the client 200.
WriteSession = Annotated[Session, Depends(write_session, scope="function")]
