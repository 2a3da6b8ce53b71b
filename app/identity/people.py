"""Who is behind a request, and what they may do there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import Depends, Request
from sqlalchemy import ColumnElement, SQLColumnExpression, exists, or_, select
from sqlalchemy.orm import Session, aliased

from app.errors import AppError, Unavailable
from app.phrases import fixed
from app.tables import Person, Review
from app.words import Role

LOCAL = "local"

# What somebody may do everywhere: an admin all of it, and a token of an admin's no more than what it was made for.
Everywhere = Literal["annotator", "lead", "engineer", "admin"]


@dataclass(frozen=True)
class PersonLine:
    id: int
    name: str


@dataclass(frozen=True)
class Asking:
    """Who asks, and their roles in the pools that the address is about; of an address about no pool, in all pools."""

    person: PersonLine | None = None  # None: nobody is logged in
    way: Literal["local", "log-in", "token"] | None = None
    everywhere: Everywhere | None = None
    roles: Mapping[int, Role] = field(default_factory=dict)  # by pool id
    began: bool = True  # whether the review that the address is about, if any, is theirs to go on with

    @property
    def admin(self) -> bool:
        """Whether they may do everything, everywhere."""
        return self.everywhere == "admin"

    @property
    def member(self) -> bool:
        """Whether they may look and label."""
        return self.everywhere is not None or bool(self.roles)

    @property
    def lead(self) -> bool:
        """Whether they may also settle, manage classes and set the rule."""
        return self._is("lead")

    @property
    def engineer(self) -> bool:
        """Whether they may also import, train, reindex, serve, export and read the journal."""
        return self._is("engineer")

    @property
    def looks_after_others(self) -> bool:
        """Whether they may also take back what others stored."""
        return self.lead or self.engineer

    @property
    def role(self) -> Everywhere | None:
        """What they are in the one pool that the address is about; None if they are nothing, or it is about several."""
        if self.everywhere is not None:
            return self.everywhere
        return next(iter(self.roles.values())) if len(self.roles) == 1 else None

    @property
    def ceilings(self) -> list[Everywhere]:
        """The roles that a token of theirs may have."""
        may: dict[Everywhere, bool] = {
            "annotator": True,
            "lead": self.lead,
            "engineer": self.engineer,
            "admin": self.admin,
        }
        return [role for role, allowed in may.items() if allowed]

    @property
    def only(self) -> int | None:
        """The person to whose pools lists are limited, by id; None for whoever sees all of them."""
        return None if self.everywhere is not None or self.person is None else self.person.id

    def _is(self, role: Role) -> bool:
        return self.everywhere in ("admin", role) or role in self.roles.values()


class NobodyHere(Unavailable):
    """The database holds no person; run “winnow db upgrade”."""


class NotLoggedIn(AppError):
    """You are not logged in. Log in in another tab, then try again; nothing you marked here is lost."""

    status = 401

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence)
        self.headers["WWW-Authenticate"] = "Bearer"

    @classmethod
    def of_a_program(cls) -> NotLoggedIn:
        """Return the error that says how a program is known."""
        return cls(
            "Nobody is known by this request. Show a token, “Authorization: Bearer winnow_…”; one is made on the page "
            "of whoever is logged in, /me, or by “winnow user token NAME”."
        )


def local_person(session: Session) -> PersonLine:
    """Return the person that a server without log-in works for; the first migration makes the row."""
    row = session.execute(select(Person.id, Person.name).where(Person.name_key == LOCAL)).one_or_none()
    if row is None:
        raise NobodyHere
    return PersonLine(row.id, row.name)


def somebody_logs_in(session: Session) -> bool:
    """Whether there is anybody who can log in. From then on, everybody has to."""
    return session.execute(select(SOMEBODY_LOGS_IN)).scalar_one()


def one_at_a_time(session: Session) -> None:
    """Let nobody else change who gets in, and as what, until this transaction ends."""
    # One row for all: of two admins who change each other, each would hold their own and wait for the other's. Not its
    # key, to which whatever is written into the journal refers: that would wait too.
    session.execute(select(Person.id).where(Person.name_key == LOCAL).with_for_update(key_share=True))


def goes_on_with(person_id: int | SQLColumnExpression[int]) -> ColumnElement[bool]:
    """The condition that somebody goes on with a review: they began it, or it is from before people logged in."""
    local = aliased(Person)
    nobodys = select(local.id).where(local.name_key == fixed(LOCAL)).scalar_subquery()
    return or_(Review.person_id == person_id, Review.person_id == nobodys)


SOMEBODY_LOGS_IN = exists().where(Person.password_hash.is_not(None), Person.removed_at.is_(None))


def current_asking(request: Request) -> Asking:
    """Who asks, as the gate found out."""
    asking: Asking = request.state.asking
    return asking


def current_person(request: Request) -> PersonLine:
    """The person behind a request. Raises NotLoggedIn."""
    person = current_asking(request).person
    if person is None:
        raise NotLoggedIn
    return person


CurrentAsking = Annotated[Asking, Depends(current_asking)]
CurrentPerson = Annotated[PersonLine, Depends(current_person)]
