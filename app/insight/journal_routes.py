"""The journal over HTTP: read page by page, or exported as CSV."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.exports import Export
from app.history import record
from app.identity.people import CurrentAsking, CurrentPerson, PersonLine
from app.insight.journal import Filters, all_entries, count_entries, entries, readable_pools
from app.insight.journal_words import csv_lines, told
from app.moments import aware
from app.pools.errors import PoolNotFound
from app.pools.held import held_images
from app.pools.merged import counting_for
from app.pools.queries import PoolLine, class_named, pool_named
from app.sessions import ExportSession, ReadSession
from app.verdicts.queries import Counts

router = APIRouter(prefix="/api/v1", tags=["journal"])

_CSV: dict[str, Any] = {
    "response_class": StreamingResponse,
    "responses": {200: {"content": {"text/csv": {}}, "description": "CSV with a header row."}},
}


class PoolMissing(Invalid):
    """A class or an image is one of a pool: name the pool too."""


class CommitOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    kind: str = Field(description="`page`, `lot`, `correction`, `settlement` or `import`.")
    author: str
    review_id: int | None = Field(serialization_alias="review")
    page_id: int | None = Field(serialization_alias="page")
    page_number: int | None
    lot_id: int | None = Field(serialization_alias="lot")
    counts: Counts
    undone_by: str | None
    undone_at: datetime | None


class EntryOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    act: str
    person: str | None = Field(description="Null is the command line.")
    pool: str | None
    class_name: str | None = Field(serialization_alias="class", description="As it is called now.")
    job_id: int | None = Field(serialization_alias="job")
    details: dict[str, Any]
    commit: CommitOut | None = Field(description="What was stored; of an `undo`, what was taken back.")
    told: str = Field(description="What the person did, in words.")


class JournalPage(BaseModel):
    items: list[EntryOut]
    next: str | None


class Asked:
    """The filters of a request, of either way to read the journal."""

    def __init__(
        self,
        person: Annotated[str | None, Query(description="Only what this person did.")] = None,
        class_name: Annotated[str | None, Query(alias="class", description="Only this class.")] = None,
        act: Annotated[list[str] | None, Query(description="Such as `page` or `undo`; may be repeated.")] = None,
        since: Annotated[datetime | None, Query(description="From this moment on (UTC unless it says).")] = None,
        until: Annotated[datetime | None, Query(description="Before this moment.")] = None,
        image: Annotated[str | None, Query(description="Only what gave this image a verdict, or took it.")] = None,
    ) -> None:
        self.person, self.class_name, self.acts = (
            person or None,
            class_name or None,
            [each for each in act or [] if each],
        )
        self.since, self.until, self.image = aware(since), aware(until), image or None

    def filters(self, session: Session, *, pools: list[int] | None) -> Filters:
        """Return what is to be read of these pools. Raises PoolMissing, ClassNotFound and NotInThisPool."""
        classes, image_id = None, None
        if self.class_name is not None or self.image is not None:
            if pools is None or len(pools) != 1:
                raise PoolMissing
            if self.class_name is not None:
                classes = counting_for(session, class_named(session, pool_id=pools[0], name=self.class_name).id)
            if self.image is not None:
                image_id = held_images(session, pool_id=pools[0], images=[self.image])[self.image]
        return Filters(
            pools=pools,
            person=self.person,
            classes=classes,
            acts=self.acts or None,
            since=self.since,
            until=self.until,
            image_id=image_id,
        )


WhatIsAsked = Annotated[Asked, Depends()]


@router.get("/journal", summary="Read the journal")
def read_journal(
    session: ReadSession,
    asking: CurrentAsking,
    asked: WhatIsAsked,
    pool: Annotated[str | None, Query(description="Only this pool.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The `next` of the page before.")] = None,
) -> JournalPage:
    """What everybody did, the latest first.

    All of it is for admins; engineers read that of their pools, and when the members of these logged in and out.
    """
    pools = readable_pools(session, asking)
    if pool:
        pool_id = pool_named(session, pool).id
        if pools is not None and pool_id not in pools:
            # Whether there is such a pool is nothing that they may know.
            raise PoolNotFound(f"There is no pool “{pool}”.")
        pools = [pool_id]
    found = entries(session, filters=asked.filters(session, pools=pools), limit=limit, before=after)
    return JournalPage(
        items=[
            EntryOut(
                id=entry.id,
                at=entry.at,
                act=entry.act,
                person=entry.person,
                pool=entry.pool,
                class_name=entry.class_name,
                job_id=entry.job_id,
                details=entry.details,
                commit=None if entry.commit is None else CommitOut.model_validate(entry.commit),
                told=told(entry),
            )
            for entry in found
        ],
        next=str(found[-1].id) if len(found) == limit else None,
    )


@router.get("/pools/{pool}/journal.csv", summary="Export the journal", **_CSV)
def export_journal(
    request: Request, pool: str, session: ExportSession, person: CurrentPerson, asked: WhatIsAsked
) -> Export:
    """One row for each entry, the latest first, streamed from one snapshot of the database.

    The header `X-Winnow-Rows` tells the number of rows. If nothing is read for a minute, the stream breaks.
    """
    return _exported(request, session, person, asked, pool=pool_named(session, pool))


@router.get("/journal.csv", summary="Export the journal of all pools", **_CSV)
def export_journal_of_all(
    request: Request,
    session: ExportSession,
    person: CurrentPerson,
    asked: WhatIsAsked,
    pool: Annotated[str | None, Query(description="Only this pool.")] = None,
) -> Export:
    """One row for each entry of the whole server, the latest first, with what belongs to no pool.

    That is people, their passwords and tokens, and log-ins. All else is as of a pool's journal.
    """
    return _exported(request, session, person, asked, pool=pool_named(session, pool) if pool else None)


def _exported(request: Request, session: Session, person: PersonLine, asked: Asked, *, pool: PoolLine | None) -> Export:
    filters = asked.filters(session, pools=None if pool is None else [pool.id])
    count = count_entries(session, filters=filters)
    with request.app.state.database.write() as writing:
        details = {"rows": "journal", "count": count}
        record(writing, "export", person_id=person.id, pool_id=None if pool is None else pool.id, details=details)
    name = "journal" if pool is None else f"{pool.name}-journal"
    return Export(csv_lines(all_entries(session, filters=filters)), name=name, rows=count)
