"""The API of encoders and index versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.db import ReadSession, WriteSession
from app.pools.queries import pool_named
from app.registry import encoders, queries
from app.registry.encoders import EncoderLine
from app.registry.queries import VersionLine

router = APIRouter(prefix="/api/v1", tags=["index versions"])


class EncoderAnswer(BaseModel):
    name: str
    problem: str | None = Field(description="Why it cannot be used, in a sentence; null if it can.")
    digest: str | None = Field(description="The SHA-256 of its manifest.")
    architecture: str | None
    dimension: int | None
    input_size: tuple[int, int] | None = Field(description="Height and width in pixels.")
    epochs: int | None
    quality: dict[str, Any] | None


class EncoderList(BaseModel):
    items: list[EncoderAnswer]
    default: str = Field(description="What a reindex uses unless told otherwise.")


class VersionAnswer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    encoder: str
    digest: str = Field(description="The SHA-256 of the encoder's manifest.")
    dimension: int
    count: int = Field(description="How many images it holds.")
    created_at: datetime


class VersionList(BaseModel):
    items: list[VersionAnswer]


class ServedRequest(BaseModel):
    index_version: int = Field(description="The id of an index version of this pool.")


class ServedAnswer(BaseModel):
    index_version: VersionAnswer | None = Field(description="Null before the pool's first reindex.")


@router.get("/encoders", summary="List encoders")
def list_encoders(request: Request) -> EncoderList:
    """List the encoders that a reindex can name."""
    settings = request.app.state.settings
    items = [_encoder_answer(line) for line in encoders.list_encoders(settings)]
    return EncoderList(items=items, default=settings.encoder)


@router.get("/pools/{pool}/index-versions", summary="List index versions")
def list_index_versions(session: ReadSession, pool: str) -> VersionList:
    """List the index versions of a pool, newest first."""
    versions = queries.versions_of(session, pool_id=pool_named(session, pool).id)
    return VersionList(items=[VersionAnswer.model_validate(version) for version in versions])


@router.get("/pools/{pool}/served", summary="Show what is served")
def served(session: ReadSession, pool: str) -> ServedAnswer:
    """Tell which index version new reviews of the pool use."""
    return _served_answer(queries.served_version(session, pool_id=pool_named(session, pool).id))


@router.put("/pools/{pool}/served", summary="Serve an index version")
def serve(session: WriteSession, pool: str, body: ServedRequest) -> ServedAnswer:
    """Let new reviews of the pool use another index version; open reviews keep theirs."""
    found = pool_named(session, pool)
    return _served_answer(queries.serve(session, pool_id=found.id, version_id=body.index_version))


def _encoder_answer(line: EncoderLine) -> EncoderAnswer:
    described = ("digest", "architecture", "dimension", "input_size", "epochs", "quality")
    return EncoderAnswer(
        name=line.name, problem=line.problem, **{name: getattr(line.manifest, name, None) for name in described}
    )


def _served_answer(version: VersionLine | None) -> ServedAnswer:
    return ServedAnswer(index_version=None if version is None else VersionAnswer.model_validate(version))
