"""The page of a pool's journal, where anything that was stored can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator, TypeAdapter

from app.insight.journal import Entry, entries, people
from app.insight.journal_routes import Asked
from app.insight.journal_words import ACTS, told
from app.pages import page
from app.pools.queries import listed_classes, pool_named
from app.sessions import ReadSession

router = APIRouter(include_in_schema=False)

ENTRIES_SHOWN = 50

_MOMENT = TypeAdapter(datetime | None)
# A form sends the fields that are empty too.
Moment = Annotated[str, AfterValidator(lambda text: text and str(_MOMENT.validate_python(text)) and text), Query()]


@dataclass(frozen=True)
class ToldEntry:
    entry: Entry
    told: str


@dataclass(frozen=True)
class JournalView:
    pool: str
    entries: list[ToldEntry]
    next: int | None  # the `after` of what is older
    filtered: bool
    person: str
    class_name: str
    act: str
    since: str
    until: str
    image: str
    people: list[str]
    classes: list[str]
    acts: dict[str, str]


@router.get("/pools/{pool}/journal")
def journal(
    request: Request,
    session: ReadSession,
    pool: str,
    person: str = "",
    class_name: Annotated[str, Query(alias="class")] = "",
    act: str = "",
    since: Moment = "",
    until: Moment = "",
    image: str = "",
    after: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> HTMLResponse:
    found = pool_named(session, pool)
    asked = Asked(
        person, class_name, [act], _MOMENT.validate_python(since or None), _MOMENT.validate_python(until or None), image
    )
    filters = asked.filters(session, pools=[found.id])
    shown = entries(session, filters=filters, limit=ENTRIES_SHOWN, before=after)
    context = JournalView(
        pool=found.name,
        entries=[ToldEntry(entry, told(entry)) for entry in shown],
        next=shown[-1].id if len(shown) == ENTRIES_SHOWN else None,
        filtered=any((person, class_name, act, since, until, image)),
        person=person,
        class_name=class_name,
        act=act,
        since=since,
        until=until,
        image=image,
        people=people(session, pool_id=found.id),
        classes=[line.name for line in listed_classes(session, pool_id=found.id)],
        acts=ACTS,
    )
    return page(request, "insight/journal.html", context)
