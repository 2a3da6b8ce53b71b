"""Labels over HTTP: the gallery of a class, corrections, the CSV export."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from app.exports import Export
from app.identity.people import CurrentAsking, CurrentPerson
from app.labels import bodies, queries
from app.labels.export import Filters, Rows, chosen_verdicts, count_rows, export_csv, record_export
from app.labels.groups import stack_groups
from app.moments import aware
from app.pools.held import held_images
from app.pools.queries import class_named, pool_named
from app.sessions import ExportSession, ReadSession, WriteSession
from app.verdicts import journal
from app.verdicts.journal import NewVerdict
from app.verdicts.queries import class_counts
from app.words import ACCEPT, VerdictValue

router = APIRouter(prefix="/api/v1", tags=["labels"])


@router.get("/pools/{pool}/classes/{class_name}/images", summary="List a class's images")
def list_labelled(
    pool: str,
    class_name: str,
    session: ReadSession,
    verdict: VerdictValue = ACCEPT,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The `next` of the page before.")] = None,
) -> bodies.LabelledPage:
    """Images with this verdict in force, the latest first."""
    pool_id = pool_named(session, name=pool).id
    class_id = class_named(session, pool_id=pool_id, name=class_name).id
    found = queries.labelled_images(
        session,
        pool_id=pool_id,
        class_id=class_id,
        verdict=verdict,
        limit=limit,
        before=after,
    )
    return bodies.LabelledPage(
        items=[
            bodies.LabelledOut(image=line.image, path=line.path, verdict=line.verdict, when=line.when, score=line.score)
            for line in found
        ],
        next=str(found[-1].verdict_id) if len(found) == limit else None,
        labels=class_counts(session, class_id=class_id),
    )


@router.post("/pools/{pool}/classes/{class_name}/verdicts", summary="Change verdicts")
def correct(
    pool: str, class_name: str, wanted: bodies.Correction, session: WriteSession, person: CurrentPerson
) -> bodies.CorrectionOut:
    """Give images another verdict, outside any review. The former verdicts stay in the journal."""
    pool_id = pool_named(session, name=pool).id
    class_id = class_named(session, pool_id=pool_id, name=class_name).id
    held = held_images(session, pool_id=pool_id, images=wanted.images)
    entry = journal.store(
        session,
        kind="correction",
        pool_id=pool_id,
        class_id=class_id,
        person_id=person.id,
        verdicts=[NewVerdict(image_id, wanted.verdict) for image_id in held.values()],
    )
    return bodies.CorrectionOut(commit=entry.id, changed=len(held), labels=class_counts(session, class_id=class_id))


@router.delete("/commits/{commit_id}", summary="Undo a commit")
def undo(commit_id: int, session: WriteSession, asking: CurrentAsking, person: CurrentPerson) -> bodies.UndoneOut:
    """Take back all verdicts of one entry of the journal; of somebody else's, as a lead or an engineer."""
    undone = journal.undo(session, commit_id=commit_id, person_id=person.id, of_others=asking.looks_after_others)
    return bodies.UndoneOut(commit=undone.id)


@router.get(
    "/pools/{pool}/labels.csv",
    summary="Export labels",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}}, "description": "CSV with a header row."}},
)
def export(
    request: Request,
    pool: str,
    session: ExportSession,
    asking: CurrentPerson,
    class_name: Annotated[str | None, Query(alias="class", description="Only this class.")] = None,
    person: Annotated[str | None, Query(description="Only verdicts of this person.")] = None,
    since: Annotated[
        datetime | None, Query(description="Only verdicts from this moment on (UTC unless it says).")
    ] = None,
    until: Annotated[datetime | None, Query(description="Only verdicts before this moment.")] = None,
    verdict: Annotated[
        list[VerdictValue | Literal["any"]] | None,
        Query(description="May be repeated. Labels: accept unless told otherwise; verdicts: any."),
    ] = None,
    rows: Annotated[Rows, Query(description="`labels`: what is in force; `verdicts`: the whole journal.")] = "labels",
) -> Export:
    """One row for each image and class in force, streamed from one snapshot of the database.

    The header `X-Winnow-Rows` tells the number of rows. An error breaks the stream; it is never a row. So does whoever
    reads nothing for a minute.
    """
    pool_line = pool_named(session, name=pool)
    class_id = None if class_name is None else class_named(session, pool_id=pool_line.id, name=class_name).id
    filters = Filters(
        class_id=class_id,
        person=person,
        since=aware(since),
        until=aware(until),
        verdicts=chosen_verdicts(verdict, rows=rows),
    )
    count = count_rows(session, pool_id=pool_line.id, filters=filters, rows=rows)
    record_export(
        request.app.state.database,
        pool_id=pool_line.id,
        person_id=asking.id,
        filters=filters,
        rows=rows,
        count=count,
    )
    groups = stack_groups(session, request.app.state.shelf, pool_id=pool_line.id)
    lines = export_csv(session, pool_id=pool_line.id, filters=filters, groups=groups, rows=rows)
    return Export(lines, name=f"{pool_line.name}-{rows}", rows=count)
