"""The page of a class: what is accepted, rejected and unsure, in the grid of the review."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.db import ReadSession
from app.pages import page
from app.pools.queries import class_named, pool_named
from app.verdicts.lots import AcceptedLot, accepted_lots
from app.verdicts.queries import Counts, class_counts
from app.words import ACCEPT, VerdictValue

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class ClassPage:
    pool: str
    class_name: str
    verdict: VerdictValue  # whose images are shown
    counts: Counts
    lots: list[AcceptedLot]  # whose labels nobody has seen, with what was promised of them


@router.get("/pools/{pool}/classes/{class_name}")
def class_page(
    request: Request, session: ReadSession, pool: str, class_name: str, verdict: VerdictValue = ACCEPT
) -> HTMLResponse:
    found = pool_named(session, pool)
    label_class = class_named(session, pool_id=found.id, name=class_name)
    counts = class_counts(session, class_id=label_class.id)
    lots = accepted_lots(session, class_id=label_class.id) if verdict == ACCEPT else []
    return page(request, "labels/class.html", ClassPage(found.name, label_class.name, verdict, counts, lots))
