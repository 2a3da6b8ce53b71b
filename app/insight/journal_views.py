"""The pages of a pool's journal and of the whole server's, where anything that was stored can be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator, TypeAdapter
from sqlalchemy.orm import Session

from app.insight.journal import Entry, entries, people
from app.insight.journal_routes import Asked
from app.insight.journal_words import ACTS, ACTS_OF_ALL, told
from app.pages import page
from app.pools.queries import PoolLine, listed_classes, pool_named, pool_names
from app.sessions import ReadSession
from app.words import Act

router = APIRouter(include_in_schema=False)

ENTRIES_SHOWN = 50

_MOMENT = TypeAdapter(datetime | None)
# Empty where the form left it so.
Moment = Annotated[str, AfterValidator(lambda text: text and str(_MOMENT.validate_python(text)) and text), Query()]


@dataclass(frozen=True)
class ToldEntry:
    entry: Entry
    told: str


@dataclass(frozen=True)
class Chosen:
    """What the form of filters says; one that is sent says the empty ones too."""

    pool: str = ""  # of a pool's own journal a part of the address
    person: str = ""
    class_name: Annotated[str, Query(alias="class")] = ""
    act: str = ""
    since: Moment = ""
    until: Moment = ""
    image: str = ""

    def asked(self) -> Asked:
        """Return what the API would be asked."""
        since, until = (_MOMENT.validate_python(text or None) for text in (self.since, self.until))
        return Asked(self.person, self.class_name, [self.act], since, until, self.image)


WhatIsChosen = Annotated[Chosen, Depends()]
After = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


@dataclass(frozen=True)
class JournalView:
    pool: str | None  # None: the whole server's
    chosen: Chosen
    entries: list[ToldEntry]
    next: int | None  # the `after` of what is older
    filtered: bool
    pools: list[str]  # to choose from, as are the next three
    people: list[str]
    classes: list[str]
    acts: Mapping[Act, str]


@router.get("/pools/{pool}/journal")
def journal(
    request: Request, session: ReadSession, pool: str, chosen: WhatIsChosen, after: After = None
) -> HTMLResponse:
    return _page(request, session, chosen, after, of=pool_named(session, pool))


@router.get("/journal")
def journal_of_all(request: Request, session: ReadSession, chosen: WhatIsChosen, after: After = None) -> HTMLResponse:
    return _page(request, session, chosen, after, of=None)


def _page(
    request: Request, session: Session, chosen: Chosen, after: int | None, *, of: PoolLine | None
) -> HTMLResponse:
    about = pool_named(session, chosen.pool) if of is None and chosen.pool else of
    filters = chosen.asked().filters(session, pools=None if about is None else [about.id])
    shown = entries(session, filters=filters, limit=ENTRIES_SHOWN, before=after)
    context = JournalView(
        pool=of.name if of else None,
        chosen=chosen,
        entries=[ToldEntry(entry, told(entry)) for entry in shown],
        next=shown[-1].id if len(shown) == ENTRIES_SHOWN else None,
        filtered=chosen != Chosen(pool=chosen.pool if of else ""),
        pools=[] if of else pool_names(session),
        people=people(session, pool_id=of.id if of else None),
        classes=[line.name for line in listed_classes(session, pool_id=of.id)] if of else [],
        acts=ACTS if of else ACTS_OF_ALL,
    )
    return page(request, "insight/journal.html", context)
