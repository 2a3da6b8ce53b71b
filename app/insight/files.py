"""The page of a pool's files that need attention."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.identity.people import CurrentAsking
from app.pages import page
from app.pools.folders import as_told
from app.pools.queries import LostLine, UnreadableLine, lost_images, pool_named, unreadable_files
from app.registry.left_out import LeftOutLine, left_out_images
from app.registry.queries import served_version
from app.sessions import ReadSession

router = APIRouter(include_in_schema=False)

SHOWN = 1000


@dataclass(frozen=True)
class FilesPage:
    pool: str
    unreadable: list[UnreadableLine]
    missing: list[LostLine]
    left_out: list[LeftOutLine]  # of the index version that is served
    shown: int  # of each kind, at most


@router.get("/pools/{pool}/files")
def files(request: Request, session: ReadSession, asking: CurrentAsking, pool: str) -> HTMLResponse:
    found = pool_named(session, pool)
    served = served_version(session, pool_id=found.id)
    unreadable = unreadable_files(session, pool_id=found.id, limit=SHOWN)
    missing = lost_images(session, pool_id=found.id, limit=SHOWN)
    indexes = request.app.state.settings.indexes
    context = FilesPage(
        pool=found.name,
        unreadable=[replace(line, folder=as_told(line.folder, asking)) for line in unreadable],
        missing=[replace(line, folder=as_told(line.folder, asking)) for line in missing],
        left_out=[] if served is None else left_out_images(session, indexes, version=served, limit=SHOWN),
        shown=SHOWN,
    )
    return page(request, "insight/files.html", context)
