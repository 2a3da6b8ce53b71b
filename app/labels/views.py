"""The page of a class, in the grid of the review, and that of a pool's disagreements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.labels.merging import merged_into
from app.pages import page
from app.pools.queries import class_named, listed_classes, pool_named
from app.sessions import ReadSession
from app.verdicts.lots import AcceptedLot, accepted_lots
from app.verdicts.queries import ClassCounts, class_counts, disputed_labels
from app.verdicts.rule import PoolRule
from app.verdicts.rules import pool_rule
from app.words import ACCEPT, VerdictValue

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class ClassPage:
    pool: str
    class_name: str
    verdict: VerdictValue  # whose images are shown
    counts: ClassCounts
    lots: list[AcceptedLot]  # whose labels nobody has seen, with what was promised of them
    wants_several: bool  # the rule of the pool: what one person says is no label yet
    disputed: int
    others: list[str]  # the pool's other classes
    merged: list[str]  # classes that were merged into this one


@dataclass(frozen=True)
class DisagreementsPage:
    pool: str
    class_name: str | None  # None for all classes
    classes: list[str]
    rule: PoolRule


@router.get("/pools/{pool}/classes/{class_name}")
def class_page(
    request: Request, session: ReadSession, pool: str, class_name: str, verdict: VerdictValue = ACCEPT
) -> HTMLResponse:
    found = pool_named(session, pool)
    label_class = class_named(session, pool_id=found.id, name=class_name)
    counts = class_counts(session, class_id=label_class.id)
    lots = accepted_lots(session, class_id=label_class.id) if verdict == ACCEPT else []
    context = ClassPage(
        pool=found.name,
        class_name=label_class.name,
        verdict=verdict,
        counts=counts,
        lots=lots,
        wants_several=pool_rule(session, pool_id=found.id).wants_several,
        disputed=disputed_labels(session, pool_id=found.id, class_id=label_class.id),
        others=[line.name for line in listed_classes(session, pool_id=found.id) if line.id != label_class.id],
        merged=merged_into(session, class_id=label_class.id),
    )
    return page(request, "labels/class.html", context)


@router.get("/pools/{pool}/disagreements")
def disagreements_page(
    request: Request,
    session: ReadSession,
    pool: str,
    class_name: Annotated[str | None, Query(alias="class")] = None,
) -> HTMLResponse:
    found = pool_named(session, pool)
    chosen = None if class_name is None else class_named(session, pool_id=found.id, name=class_name).name
    context = DisagreementsPage(
        found.name,
        chosen,
        [line.name for line in listed_classes(session, pool_id=found.id)],
        pool_rule(session, pool_id=found.id),
    )
    return page(request, "labels/disagreements.html", context)
