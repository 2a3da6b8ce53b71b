"""Whether the server can do its work, for people and for what watches over it."""

from __future__ import annotations

import logging
import tempfile
import time
from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.db import Database
from app.errors import AppError, Unavailable
from app.migrations import check
from app.sessions import ReadSession
from app.settings import Settings
from app.tables import IndexVersion, Pool, Served
from ml.artifacts import BadArtifact, IndexManifest

router = APIRouter(prefix="/api/v1/health", tags=["health"])


# Anybody may ask, as often as they like, and a look takes a file and as many manifests as there are pools.
REMEMBERED_S = 1.0

log = logging.getLogger(__name__)


class DatabaseDown(Unavailable):
    """The database does not answer; Winnow goes on by itself as soon as it does."""


class OtherSchema(Unavailable):
    """The database has another schema than this version of Winnow; run “winnow db upgrade”."""


class HomeGone(Unavailable):
    """The folder where Winnow keeps its files is gone, full, or cannot be written to."""


class IndexGone(Unavailable):
    """A served index version is missing or damaged; reindex its pool."""


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str
    database: str


class Live(BaseModel):
    status: Literal["live"] = "live"


class Ready(BaseModel):
    status: Literal["ready"] = "ready"


@router.get("", summary="Is the server well?")
def health(session: ReadSession) -> Health:
    """200 when the database answers, else 503."""
    try:
        session.execute(select(1)).one()
    except SQLAlchemyError as error:
        raise DatabaseDown from error
    return Health(version=version("winnow"), database=session.get_bind().dialect.name)


@router.get("/live", summary="Does the process answer?")
async def live() -> Live:
    """200 as long as the process answers at all, whatever has become of the database."""
    return Live()


@router.get("/ready", summary="Can people work?")
def ready(request: Request) -> Ready:
    """200 if database, files and every served index version are there, else 503 with what is not."""
    request.app.state.readiness.check()
    return Ready()


class Readiness:
    """Whether people can work, by a look a moment ago at most."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._missing: type[AppError] | None = None
        self._until = 0.0

    def check(self) -> None:
        """Raise DatabaseDown, OtherSchema, HomeGone or IndexGone if people cannot work."""
        if time.monotonic() >= self._until:
            self._missing = self._look()
            self._until = time.monotonic() + REMEMBERED_S
        if self._missing is not None:
            raise self._missing

    def _look(self) -> type[AppError] | None:
        try:
            _database_fits(self._database)
            _files_can_be_written(self._settings)
            _indexes_are_there(self._database, self._settings)
        except AppError as error:
            return type(error)
        return None


def _database_fits(database: Database) -> None:
    try:
        check(database)
    except SQLAlchemyError as error:
        raise DatabaseDown from error
    except AppError as error:
        raise OtherSchema from error


def _files_can_be_written(settings: Settings) -> None:
    try:
        with tempfile.TemporaryFile(dir=settings.home) as file:
            file.write(b"ready")
            file.flush()
    except OSError as error:
        raise HomeGone from error


def _indexes_are_there(database: Database, settings: Settings) -> None:
    with database.read() as session:
        served = select(Pool.name, IndexVersion.artifact).join(Served, Served.pool_id == Pool.id)
        rows = session.execute(served.join(IndexVersion, IndexVersion.id == Served.index_version_id)).all()
    for pool, artifact in rows:
        try:
            IndexManifest.read(settings.indexes / artifact, verify=False)
        except BadArtifact as error:
            # Whoever asks may be anybody; the log tells which pool it is.
            log.error("The served index version of “%s” is missing or damaged; reindex that pool.", pool)
            raise IndexGone from error
