"""The API of long work: start it, follow it, stop it, resume it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.identity.people import CurrentAsking, CurrentPerson, PersonLine
from app.jobs import queries, recipes
from app.jobs.lifecycle import COMPARE, IMPORT, PRETRAIN, REINDEX, Kind
from app.jobs.logs import end_of_log
from app.jobs.recipes import Wanted
from app.pools.folders import allowed_folder, see_that_none_lies_there
from app.pools.queries import PoolLine, known_locations, locations_hidden_from, pool_named
from app.registry.encoders import find_encoder
from app.registry.serving import comparable
from app.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/api/v1", tags=["jobs"])

_BUSY: dict[int | str, dict[str, Any]] = {
    409: {"description": "The same work is already waiting or running; `job` is its id."}
}


class ImportRequest(BaseModel):
    folder: str = Field(description="A folder on the server, below one of its import roots or imported before.")
    reindex: bool = Field(default=False, description="Whether to reindex the pool when the import is done.")


class ReindexRequest(BaseModel):
    encoder: str | None = Field(
        default=None, description="The name of an encoder; if absent the served version's, else the server's choice."
    )
    serve: bool = Field(
        default=False, description="Whether to serve it at once also if its encoder is not that of the served version."
    )


class ComparisonRequest(BaseModel):
    first: int = Field(description="The id of an index version of this pool, such as the served one.")
    second: int = Field(description="The id of another one, such as a candidate.")


# They end up on a command line.
Change = Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$", max_length=200)]


class PretrainingRequest(BaseModel):
    recipe: str = Field(default=recipes.USUAL_RECIPE, description="The name of a recipe that comes along.")
    changes: list[Change] = Field(
        default=[], max_length=50, description="What the recipe is to have otherwise, such as `training.epochs=100`."
    )
    init: str | None = Field(default=None, description="The encoder that it starts from; from nothing if absent.")
    name: str | None = Field(default=None, description="The run's name, which its encoders bear; a free one if absent.")


class JobStarted(BaseModel):
    job: int = Field(description="To be followed at `/api/v1/jobs/{job}`.")


class JobAnswer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    kind: str = Field(description="`import`, `reindex`, `compare` or `pretrain`.")
    pool: str
    person: str | None = Field(description="Who asked for it; null if it was asked for on the command line.")
    state: str = Field(description="`queued`, `running`, `done`, `failed` or `stopped`.")
    phase: str | None = Field(description="What is being done, in one or two words.")
    done: int
    total: int | None = Field(description="Of the present phase; null while it is not known.")
    figures: dict[str, Any] | None = Field(
        description="What is measured while it goes on: `per_second` and `seconds_left`, null while unknown, "
        "or a pretraining's own figures."
    )
    error: str | None = Field(description="Why it failed, in a sentence.")
    result: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class JobList(BaseModel):
    items: list[JobAnswer]


@router.post("/pools/{pool}/imports", summary="Import a folder", status_code=202, responses=_BUSY)
def start_import(
    request: Request,
    session: WriteSession,
    asking: CurrentAsking,
    person: CurrentPerson,
    pool: str,
    body: ImportRequest,
) -> JobStarted:
    """Read the pictures below a folder into the pool. What is known already is not read again.

    What pools hold that you are no member of can be imported by an admin alone.
    """
    found = pool_named(session, pool)
    roots = request.app.state.settings.import_roots
    known = known_locations(session, pool_id=found.id)
    folder = allowed_folder(body.folder, roots=roots, known=known, home=request.app.state.settings.home)
    if asking.only is not None and str(folder) not in known:
        see_that_none_lies_there(folder, hidden=locations_hidden_from(session, person_id=asking.only))
    arguments = {"folder": str(folder), "reindex": body.reindex}
    return _queued(session, person, IMPORT, found, arguments)


@router.post("/pools/{pool}/reindex", summary="Reindex a pool", status_code=202, responses=_BUSY)
def start_reindex(
    request: Request, session: WriteSession, person: CurrentPerson, pool: str, body: ReindexRequest | None = None
) -> JobStarted:
    """Build an index version of the pool's images under an encoder and check it; open reviews keep theirs.

    With the encoder that is served already it is served at once; with another one it waits as a candidate.
    """
    found = pool_named(session, pool)
    arguments: dict[str, Any] = {}
    if body is not None and body.encoder is not None:
        find_encoder(request.app.state.settings, body.encoder)
        arguments["encoder"] = body.encoder
    if body is not None and body.serve:
        arguments["serve"] = True
    return _queued(session, person, REINDEX, found, arguments)


@router.post("/pools/{pool}/pretraining", summary="Pretrain on a pool", status_code=202, responses=_BUSY)
def start_pretraining(
    request: Request, session: WriteSession, person: CurrentPerson, pool: str, body: PretrainingRequest
) -> JobStarted:
    """Train an encoder on the pool's images, without labels; its milestones become encoders while it goes on."""
    settings = request.app.state.settings
    found = pool_named(session, pool)
    if settings.start_worker:  # Another machine's worker has a Python of its own, and says so itself.
        recipes.require_trainers()
    wanted = Wanted(**body.model_dump())
    arguments = recipes.job_arguments(session, settings, pool_id=found.id, pool=found.name, wanted=wanted)
    return _queued(session, person, PRETRAIN, found, arguments)


@router.post("/pools/{pool}/comparisons", summary="Compare two index versions", status_code=202, responses=_BUSY)
def start_comparison(session: WriteSession, person: CurrentPerson, pool: str, body: ComparisonRequest) -> JobStarted:
    """Compare two index versions on the pool's own labels and past reviews; the job's `result` says what came of it."""
    found = pool_named(session, pool)
    first, second = comparable(session, pool_id=found.id, first=body.first, second=body.second)
    return _queued(session, person, COMPARE, found, {"first": first.id, "second": second.id})


@router.get("/jobs/{id}", summary="Follow a job")
def job(session: ReadSession, id: int) -> JobAnswer:
    """Tell how far a job is, or how it ended."""
    return JobAnswer.model_validate(queries.job(session, id=id))


@router.get("/jobs/{id}/log", summary="Read a job's log", response_class=PlainTextResponse)
def log(
    request: Request,
    session: ReadSession,
    id: int,
    kilobytes: Annotated[int, Query(ge=1, le=1024, description="How much of its end.")] = 64,
) -> PlainTextResponse:
    """Return the end of what a job's processes wrote to their log, as text; empty if they wrote nothing."""
    found = queries.job(session, id=id)
    return PlainTextResponse(end_of_log(request.app.state.settings, found.id, most_bytes=1024 * kilobytes))


@router.delete("/jobs/{id}", summary="Stop a job")
def stop(session: WriteSession, person: CurrentPerson, id: int) -> JobAnswer:
    """Stop a job; its process ends within seconds, and what was done is kept. Stopped already, it stays so."""
    return JobAnswer.model_validate(queries.stop(session, id=id, person_id=person.id))


@router.post("/jobs/{id}/resume", summary="Resume a job", status_code=202, responses=_BUSY)
def resume(session: WriteSession, person: CurrentPerson, id: int) -> JobStarted:
    """Queue a job again that was stopped or has failed; it goes on where it was."""
    return JobStarted(job=queries.resume(session, id=id, person_id=person.id).id)


@router.get("/pools/{pool}/jobs", summary="List the jobs of a pool")
def jobs(session: ReadSession, pool: str) -> JobList:
    """List a pool's jobs, newest first."""
    found = pool_named(session, pool)
    return JobList(items=[JobAnswer.model_validate(line) for line in queries.jobs_of(session, pool_id=found.id)])


def _queued(session: Session, person: PersonLine, kind: Kind, pool: PoolLine, arguments: dict[str, Any]) -> JobStarted:
    made = queries.create(session, kind=kind, pool_id=pool.id, arguments=arguments, person_id=person.id)
    return JobStarted(job=made.id)
