"""Who gives the verdicts. Until people log in, that is one local person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Unavailable
from app.tables import Person

LOCAL = "local"


@dataclass(frozen=True)
class PersonLine:
    id: int
    name: str


class NobodyHere(Unavailable):
    """The database holds no person; run “winnow db upgrade”."""


def local_person(session: Session) -> PersonLine:
    """Return the person that a server without log-in works for; the first migration makes the row."""
    row = session.execute(select(Person.id, Person.name).where(Person.name_key == LOCAL)).one_or_none()
    if row is None:
        raise NobodyHere
    return PersonLine(row.id, row.name)


def current_person(request: Request) -> PersonLine:
    """The person behind a request."""
    with request.app.state.database.read() as session:
        return local_person(session)


CurrentPerson = Annotated[PersonLine, Depends(current_person)]
