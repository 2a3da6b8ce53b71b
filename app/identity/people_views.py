"""My page, where one changes one's password and makes tokens; and the page of everybody, for admins."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.identity import accounts, tokens
from app.identity.people import CurrentAsking, CurrentPerson, Everywhere
from app.identity.secrets import LONGEST_PASSWORD, SHORTEST_PASSWORD
from app.pages import page
from app.sessions import ReadSession
from app.tables import now
from app.words import Role

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class TokenRow:
    token: tokens.TokenLine
    expired: bool


@dataclass(frozen=True)
class MyPage:
    name: str
    roles: dict[str, Role]  # by pool
    admins: list[str]
    tokens: list[TokenRow]
    ceilings: list[Everywhere]  # what a token of theirs may be
    shortest: int  # of a password, in characters
    longest: int


@dataclass(frozen=True)
class PeoplePage:
    people: list[accounts.PersonRow]  # who can be managed; not whoever worked here before people logged in
    begun: bool  # whether people log in here yet
    one_admin: bool  # whether there is only one, who has to stay
    shortest: int
    longest: int


@router.get("/me")
def my_page(request: Request, session: ReadSession, asking: CurrentAsking, person: CurrentPerson) -> HTMLResponse:
    moment = now()
    context = MyPage(
        name=person.name,
        roles=accounts.roles_in(session, roles=asking.roles),
        admins=accounts.admins(session),
        tokens=[
            TokenRow(token, expired=token.expires_at is not None and token.expires_at <= moment)
            for token in tokens.tokens_of(session, person_id=person.id)
        ],
        ceilings=asking.ceilings,
        shortest=SHORTEST_PASSWORD,
        longest=LONGEST_PASSWORD,
    )
    return page(request, "identity/me.html", context)


@router.get("/people")
def people(request: Request, session: ReadSession, asking: CurrentAsking) -> HTMLResponse:
    context = PeoplePage(
        people=[row for row in accounts.people(session) if not accounts.is_local(row.name)],
        begun=asking.way != "local",
        one_admin=len(accounts.admins(session)) == 1,
        shortest=SHORTEST_PASSWORD,
        longest=LONGEST_PASSWORD,
    )
    return page(request, "identity/people.html", context)
