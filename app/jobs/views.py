"""The pages of long work: a job, and a pool's encoders with the pretrainings that make more of them."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.errors import AppError
from app.identity.people import CurrentAsking
from app.jobs import queries, recipes
from app.jobs.commands import command_of
from app.jobs.lifecycle import IMPORT, PRETRAIN
from app.jobs.logs import end_of_log
from app.jobs.recipes import RecipeChoice
from app.jobs.runs import free_name
from app.jobs.watching import Watched, duration, watched
from app.pages import page, short
from app.pools.queries import UnreadableLine, pool_named, unreadable_files
from app.registry.encoders import EncoderLine, list_encoders
from app.registry.listing import ListedLine, versions_listed
from app.registry.queries import served_version, versions_of
from app.sessions import ReadSession
from app.words import QUEUED, RUNNING

router = APIRouter(include_in_schema=False)

FILES_SHOWN = 200
JOBS_SHOWN = 200
LOG_BYTES = 16 * 1024
RUNS_SHOWN = 50


@dataclass(frozen=True)
class JobPage:
    job: queries.JobLine
    unreadable: list[UnreadableLine]  # of the folder that an import reads, at most FILES_SHOWN
    watched: Watched | None  # of a pretraining
    rate: str | None  # how fast it goes now, in words; None while unknown, and of a pretraining
    left: str | None  # how long it will take still
    log: str | None  # its end; this and the next are for engineers
    command: str | None  # that repeats it
    served: int | None  # the index version that reviews of its pool begin on


@dataclass(frozen=True)
class JobsPage:
    pool: str | None  # None for the jobs of all pools
    running: list[queries.JobLine]
    waiting: list[queries.JobLine]
    ended: list[queries.JobLine]


@dataclass(frozen=True)
class EncodersPage:
    pool: str
    images: int
    versions: list[ListedLine]
    keep: int  # how many versions are kept besides those that are served or pinned
    encoders: list[EncoderLine]
    served: str | None  # the digest of the encoder that reviews use
    indexed: set[str]  # digests of encoders that the pool has an index of
    default: str  # the encoder that a run starts from unless told otherwise; "" for none
    runs: list[queries.JobLine]
    recipes: list[RecipeChoice]
    missing: str | None  # why nothing can be trained here, in a sentence
    free_name: str


@router.get("/jobs/{job}")
def job(request: Request, session: ReadSession, asking: CurrentAsking, job: int) -> HTMLResponse:
    found = queries.job(session, id=job)
    unreadable: list[UnreadableLine] = []
    if found.kind == IMPORT:
        folder = found.arguments["folder"]
        unreadable = unreadable_files(session, pool_id=found.pool_id, location=folder, limit=FILES_SHOWN)
    seen = watched(request.app.state.settings, found) if found.kind == PRETRAIN else None
    log = command = None
    if asking.engineer:
        log = end_of_log(request.app.state.settings, found.id, most_bytes=LOG_BYTES)
        command = command_of(found.kind, found.pool, found.arguments)
    version = served_version(session, pool_id=found.pool_id)
    served = None if version is None else version.id
    return page(request, "jobs/job.html", JobPage(found, unreadable, seen, *_pace(found), log, command, served))


@router.get("/jobs")
def all_jobs(request: Request, session: ReadSession, asking: CurrentAsking) -> HTMLResponse:
    return _jobs(request, None, queries.jobs_of(session, pool_id=None, only=asking.only, limit=JOBS_SHOWN))


@router.get("/pools/{pool}/jobs")
def jobs_of_a_pool(request: Request, session: ReadSession, pool: str) -> HTMLResponse:
    found = pool_named(session, pool)
    return _jobs(request, found.name, queries.jobs_of(session, pool_id=found.id, limit=JOBS_SHOWN))


@router.get("/pools/{pool}/encoders")
def encoders(request: Request, session: ReadSession, pool: str) -> HTMLResponse:
    settings = request.app.state.settings
    found = pool_named(session, pool)
    served = served_version(session, pool_id=found.id)
    lines = list_encoders(settings)
    context = EncodersPage(
        pool=found.name,
        images=recipes.image_count(session, pool_id=found.id),
        versions=versions_listed(session, settings, pool_id=found.id),
        keep=settings.keep_indexes,
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


def _jobs(request: Request, pool: str | None, jobs: list[queries.JobLine]) -> HTMLResponse:
    return page(
        request,
        "jobs/jobs.html",
        JobsPage(
            pool,
            running=[job for job in jobs if job.state == RUNNING],
            waiting=[job for job in jobs if job.state == QUEUED][::-1],
            ended=[job for job in jobs if job.state not in {RUNNING, QUEUED}],
        ),
    )


def _pace(job: queries.JobLine) -> tuple[str | None, str | None]:
    """Return how fast a running job goes and how long it will take still, each None while nobody knows."""
    figures = job.figures or {}
    if job.state != RUNNING or job.kind == PRETRAIN:
        return None, None
    rate, left = figures.get("per_second"), figures.get("seconds_left")
    return (None if rate is None else f"{short(rate)} a second"), (None if left is None else duration(left))


def _why_not(worker_is_here: bool) -> str | None:
    try:
        if worker_is_here:
            recipes.require_trainers()
    except AppError as error:
        return error.sentence
    return None
