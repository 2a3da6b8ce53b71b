"""The API of encoders and index versions."""

from __future__ import annotations

import shutil
from dataclasses import asdict

from fastapi import APIRouter, BackgroundTasks, Request

from app.identity.people import CurrentPerson
from app.pools.queries import pool_named
from app.registry import encoders, keeping, queries
from app.registry.bodies import (
    EncoderAnswer,
    EncoderList,
    ListedVersion,
    ServedAnswer,
    ServedRequest,
    VersionAnswer,
    VersionList,
)
from app.registry.encoders import EncoderLine
from app.registry.listing import versions_listed
from app.registry.queries import VersionLine
from app.registry.serving import require_files
from app.registry.serving import serve as serve_version
from app.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/api/v1", tags=["index versions"])


@router.get("/encoders", summary="List encoders")
def list_encoders(request: Request) -> EncoderList:
    """List the encoders that a reindex can name."""
    settings = request.app.state.settings
    items = [_encoder_answer(line) for line in encoders.list_encoders(settings)]
    return EncoderList(items=items, default=settings.encoder)


@router.get("/pools/{pool}/index-versions", summary="List index versions")
def list_index_versions(request: Request, session: ReadSession, pool: str) -> VersionList:
    """List the index versions of a pool that were not removed, newest first."""
    listed = versions_listed(session, request.app.state.settings, pool_id=pool_named(session, pool).id)
    return VersionList(items=[ListedVersion(**asdict(line.version), **line.more) for line in listed])


@router.delete("/index-versions/{id}", summary="Remove an index version")
def remove(
    request: Request, session: WriteSession, person: CurrentPerson, after: BackgroundTasks, id: int
) -> VersionAnswer:
    """Delete the vectors of an index version that is neither served nor pinned by a review. Idempotent."""
    settings = request.app.state.settings
    removed = keeping.remove(session, settings, version_id=id, person_id=person.id)
    # After the commit. What is left if this process ends meanwhile, the pool's next reindex clears away.
    after.add_task(shutil.rmtree, settings.indexes / removed.artifact, ignore_errors=True)
    return VersionAnswer.model_validate(removed)


@router.get("/pools/{pool}/served", summary="Show what is served")
def served(session: ReadSession, pool: str) -> ServedAnswer:
    """Tell which index version new reviews of the pool use."""
    return _served_answer(queries.served_version(session, pool_id=pool_named(session, pool).id))


@router.put("/pools/{pool}/served", summary="Serve an index version")
def serve(
    request: Request, session: WriteSession, person: CurrentPerson, pool: str, body: ServedRequest
) -> ServedAnswer:
    """Let new reviews of the pool use another index version; open reviews keep theirs."""
    found = pool_named(session, pool)
    chosen = serve_version(session, pool_id=found.id, version_id=body.index_version, person_id=person.id)
    require_files(request.app.state.settings.indexes, chosen)
    return _served_answer(chosen)


def _encoder_answer(line: EncoderLine) -> EncoderAnswer:
    described = ("digest", "architecture", "dimension", "input_size", "epochs", "quality")
    return EncoderAnswer(
        name=line.name, problem=line.problem, **{name: getattr(line.manifest, name, None) for name in described}
    )


def _served_answer(version: VersionLine | None) -> ServedAnswer:
    return ServedAnswer(index_version=None if version is None else VersionAnswer.model_validate(version))
