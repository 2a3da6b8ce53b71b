"""The pages of long work: a job, and a pool's encoders with the pretrainings that make more of them."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.db import ReadSession
from app.errors import AppError
from app.jobs import queries, recipes
from app.jobs.lifecycle import IMPORT, PRETRAIN
from app.jobs.recipes import RecipeChoice
from app.jobs.runs import free_name
from app.jobs.watching import Watched, watched
from app.pages import page
from app.pools.queries import UnreadableLine, pool_named, unreadable_files
from app.registry.encoders import EncoderLine, list_encoders
from app.registry.queries import served_version, versions_of

router = APIRouter(include_in_schema=False)

FILES_SHOWN = 200
RUNS_SHOWN = 50


@dataclass(frozen=True)
class JobPage:
    job: queries.JobLine
    unreadable: list[UnreadableLine]  # of the folder that an import reads, at most FILES_SHOWN
    watched: Watched | None  # of a pretraining


@dataclass(frozen=True)
class EncodersPage:
    pool: str
    images: int
    encoders: list[EncoderLine]
    served: str | None  # the digest of the encoder that reviews use
    indexed: set[str]  # digests of encoders that the pool has an index of
    default: str  # the encoder that a run starts from unless told otherwise; "" for none
    runs: list[queries.JobLine]
    recipes: list[RecipeChoice]
    missing: str | None  # why nothing can be trained here, in a sentence
    free_name: str


@router.get("/jobs/{job}")
def job(request: Request, session: ReadSession, job: int) -> HTMLResponse:
    found = queries.job(session, id=job)
    unreadable: list[UnreadableLine] = []
    if found.kind == IMPORT:
        folder = found.arguments["folder"]
        unreadable = unreadable_files(session, pool_id=found.pool_id, location=folder, limit=FILES_SHOWN)
    seen = watched(request.app.state.settings, found) if found.kind == PRETRAIN else None
    return page(request, "jobs/job.html", JobPage(found, unreadable, seen))


@router.get("/pools/{pool}/encoders")
def encoders(request: Request, session: ReadSession, pool: str) -> HTMLResponse:
    settings = request.app.state.settings
    found = pool_named(session, pool)
    served = served_version(session, pool_id=found.id)
    lines = list_encoders(settings)
    context = EncodersPage(
        pool=found.name,
        images=recipes.image_count(session, pool_id=found.id),
        encoders=lines,
        served=None if served is None else served.digest,
        indexed={version.digest for version in versions_of(session, pool_id=found.id)},
        default=next(
            (line.name for line in lines if line.manifest and served and line.manifest.digest == served.digest), ""
        ),
        runs=queries.jobs_of(session, pool_id=found.id, kinds=[PRETRAIN], limit=RUNS_SHOWN),
        recipes=recipes.recipe_choices(),
        missing=_why_not(settings.start_worker),
        free_name=free_name(session, settings, pool=found.name),
    )
    return page(request, "jobs/encoders.html", context)


def _why_not(worker_is_here: bool) -> str | None:
    try:
        if worker_is_here:
            recipes.require_trainers()
    except AppError as error:
        return error.sentence
    return None
