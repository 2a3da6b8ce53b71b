"""The page of a pool's files that need attention."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.db import ReadSession
from app.pages import page
from app.pools.queries import LostLine, UnreadableLine, lost_images, pool_named, unreadable_files

router = APIRouter(include_in_schema=False)

SHOWN = 1000


@dataclass(frozen=True)
class FilesPage:
    pool: str
    unreadable: list[UnreadableLine]
    missing: list[LostLine]
    shown: int  # of each kind, at most


@router.get("/pools/{pool}/files")
def files(request: Request, session: ReadSession, pool: str) -> HTMLResponse:
    found = pool_named(session, pool)
    context = FilesPage(
        pool=found.name,
        unreadable=unreadable_files(session, pool_id=found.id, limit=SHOWN),
        missing=lost_images(session, pool_id=found.id, limit=SHOWN),
        shown=SHOWN,
    )
    return page(request, "pools/files.html", context)
