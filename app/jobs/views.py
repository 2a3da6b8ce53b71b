"""The page of a job: how far it is, how it ended, what could not be read."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.db import ReadSession
from app.jobs import queries
from app.jobs.lifecycle import IMPORT
from app.pages import page
from app.pools.queries import UnreadableLine, unreadable_files

router = APIRouter(include_in_schema=False)

FILES_SHOWN = 200


@dataclass(frozen=True)
class JobPage:
    job: queries.JobLine
    unreadable: list[UnreadableLine]  # of the folder that an import reads, at most FILES_SHOWN


@router.get("/jobs/{job}")
def job(request: Request, session: ReadSession, job: int) -> HTMLResponse:
    found = queries.job(session, id=job)
    unreadable: list[UnreadableLine] = []
    if found.kind == IMPORT:
        folder = found.arguments["folder"]
        unreadable = unreadable_files(session, pool_id=found.pool_id, location=folder, limit=FILES_SHOWN)
    return page(request, "jobs/job.html", JobPage(found, unreadable))
