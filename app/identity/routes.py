"""The API of people: logging in and out, oneself, one's tokens, and for admins everybody."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from app.identity import accounts, bodies, log_ins, tokens
from app.identity.cookies import cookie_name, drop_cookie, set_cookie
from app.identity.people import CurrentAsking, CurrentPerson
from app.identity.secrets import beside_all_else, hashed
from app.identity.sure import SureSession, look_again
from app.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/api/v1", tags=["people"])

_TRIED_TOO_OFTEN: dict[int | str, dict[str, Any]] = {
    401: {"description": "The name and the password do not belong together."},
    429: {"description": "Too many wrong passwords; `Retry-After` says for how many seconds to wait."},
    503: {"description": "Too many people are logging in at once; `Retry-After` says for how many seconds to wait."},
}
_NO_SUCH_ROLE: dict[int | str, dict[str, Any]] = {403: {"description": "You have no such role yourself."}}
_NO_PERSON: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such person."}}


@router.post("/log-in", status_code=204, summary="Log in", responses=_TRIED_TOO_OFTEN)
async def log_in(request: Request, response: Response, body: bodies.LogInRequest) -> None:
    """Give this browser the cookie of a log-in. Programs use a token instead."""
    secret = await new_log_in(request, name=body.name, password=body.password)
    set_cookie(request, response, secret)


@router.delete("/log-in", status_code=204, summary="Log out")
def log_out(request: Request, response: Response, session: WriteSession) -> None:
    """End the log-in whose cookie is sent; without one, there is nothing to do."""
    end_log_in(request, response, session)


@router.get("/me", summary="Look at yourself")
def look_at_yourself(session: ReadSession, asking: CurrentAsking, person: CurrentPerson) -> bodies.Me:
    """Who the server takes you for, and what you may do where."""
    return bodies.Me(
        name=person.name,
        admin=asking.admin,
        way=asking.way or "local",
        roles=accounts.roles_in(session, roles=asking.roles),
    )


@router.put("/me/password", status_code=204, summary="Change your password", responses=_TRIED_TOO_OFTEN)
async def change_password(
    request: Request, response: Response, asking: CurrentAsking, person: CurrentPerson, body: bodies.NewOwnPassword
) -> None:
    """All your log-ins end, but for this browser's, which gets a new one. Tokens stay."""
    if asking.way == "local":
        raise accounts.LocalPerson
    try:
        secret = await beside_all_else(
            partial(
                log_ins.change_password,
                request.app.state.database,
                request.app.state.settings,
                person=person,
                present=body.present,
                new=body.new,
                address=address_of(request),
            )
        )
    except log_ins.WrongPassword as error:
        raise log_ins.WrongPassword("Your present password is another one.") from error
    set_cookie(request, response, secret)


@router.get("/tokens", summary="List your tokens")
def list_tokens(session: ReadSession, person: CurrentPerson) -> bodies.TokenList:
    """Those that are not revoked, the newest first."""
    found = tokens.tokens_of(session, person_id=person.id)
    return bodies.TokenList(items=[bodies.TokenOut.model_validate(line) for line in found])


@router.post("/tokens", status_code=201, summary="Make a token", responses=_NO_SUCH_ROLE)
def make_token(
    session: SureSession, asking: CurrentAsking, person: CurrentPerson, body: bodies.NewToken
) -> bodies.TokenMade:
    """For a program of yours. The token is in the answer and nowhere else."""
    if asking.way == "local":
        raise accounts.LocalPerson
    if body.role not in asking.ceilings:
        raise tokens.RoleNotYours(f"You do not have the role “{body.role}”, so no token of yours can have it.")
    made, secret = tokens.add_token(
        session, person_id=person.id, name=body.name, role=body.role, days=body.days, by=person.id
    )
    return bodies.TokenMade(**asdict(made), token=secret)


@router.delete("/tokens/{id}", status_code=204, summary="Revoke a token")
def revoke_token(session: SureSession, person: CurrentPerson, id: int) -> None:
    """It ends at once."""
    tokens.revoke_token(session, person_id=person.id, token_id=id)


@router.get("/people", summary="List people")
def list_people(session: ReadSession) -> bodies.PersonList:
    """Everybody who has not been removed, by name."""
    return bodies.PersonList(items=[bodies.PersonOut.model_validate(row) for row in accounts.people(session)])


@router.post("/people", status_code=201, summary="Add a person", responses={409: {"description": "The name is taken."}})
def add_person(
    request: Request, session: WriteSession, person: CurrentPerson, body: bodies.NewPerson
) -> bodies.PersonMade:
    """The first one has to be an admin; from then on, everybody has to log in."""
    # Before the transaction begins, at its first statement: others wait for its end.
    password = hashed(body.password)
    look_again(request, session)
    made = accounts.add_person(session, name=body.name, password=password, admin=body.admin, by=person.id)
    return bodies.PersonMade(name=made.name)


@router.patch("/people/{person}", status_code=204, summary="Change a person", responses=_NO_PERSON)
def change_person(
    request: Request, session: WriteSession, by: CurrentPerson, person: str, body: bodies.PersonChange
) -> None:
    """Another password, or whether they are an admin. All their log-ins end; at another password, their tokens too.

    One's own password is changed at `/me/password`.
    """
    password = None if body.password is None else hashed(body.password)
    look_again(request, session)
    changed = accounts.person_named(session, person)
    if password is not None and changed.id == by.id:
        raise accounts.OwnPassword
    if body.admin is not None:
        accounts.set_admin(session, person=changed, admin=body.admin, by=by.id)
    if password is not None:
        accounts.set_password(session, person=changed, password=password, by=by.id)


@router.delete("/people/{person}", status_code=204, summary="Remove a person", responses=_NO_PERSON)
def remove_person(session: SureSession, by: CurrentPerson, person: str) -> None:
    """They get in no more; their verdicts stay, and so does their name."""
    accounts.remove_person(session, person=accounts.person_named(session, person), by=by.id)


async def new_log_in(request: Request, *, name: str, password: str) -> str:
    """Return the secret of a new log-in. Raises WrongPassword, TooManyAttempts and TooManyLogIns."""
    return await beside_all_else(
        partial(
            log_ins.log_in,
            request.app.state.database,
            request.app.state.settings,
            name=name,
            password=password,
            address=address_of(request),
        )
    )


def end_log_in(request: Request, response: Response, session: WriteSession) -> None:
    """End the log-in of the browser that asks, and let it forget its cookie."""
    secret = request.cookies.get(cookie_name(request))
    if secret is not None:
        log_ins.log_out(session, secret)
    drop_cookie(request, response)


def address_of(request: Request) -> str:
    """Return the address that a request comes from; behind a trusted proxy, the browser's."""
    return request.client.host if request.client else ""
