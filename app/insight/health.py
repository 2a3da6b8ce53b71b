"""Whether the server can do its work, for people and for what watches over it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.db import ReadSession
from app.errors import Unavailable

router = APIRouter(prefix="/api/v1", tags=["health"])


class DatabaseDown(Unavailable):
    """The database does not answer; Winnow goes on by itself as soon as it does."""


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    version: str
    database: str


@router.get("/health", summary="Is the server well?")
def health(session: ReadSession) -> Health:
    """200 when the database answers, else 503."""
    try:
        session.execute(select(1)).one()
    except SQLAlchemyError as error:
        raise DatabaseDown from error
    return Health(version=version("winnow"), database=session.get_bind().dialect.name)
