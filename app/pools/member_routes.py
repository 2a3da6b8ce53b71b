"""The API of a pool's members: who works on it, and as what."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app.identity import members
from app.identity.accounts import person_named
from app.identity.people import CurrentPerson
from app.identity.sure import SureSession
from app.pools.bodies import problem_response
from app.pools.queries import pool_named
from app.sessions import ReadSession
from app.words import Role

router = APIRouter(prefix="/pools/{pool}/members", tags=["people"])

_NOBODY = problem_response(404, "There is no such pool or person.")


class MemberOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    role: Role
    since: datetime


class MemberList(BaseModel):
    items: list[MemberOut]


class NewRole(BaseModel):
    role: Role


@router.get("", summary="List members", responses=_NOBODY)
def list_members(session: ReadSession, pool: str) -> MemberList:
    """A pool's members by name. Admins are not among them unless they were made members too."""
    lines = members.members(session, pool_id=pool_named(session, pool).id)
    return MemberList(items=[MemberOut.model_validate(line) for line in lines])


@router.put("/{person}", status_code=204, summary="Give a role", responses=_NOBODY)
def give_role(session: SureSession, by: CurrentPerson, pool: str, person: str, body: NewRole) -> None:
    """Make somebody a member of the pool, or give a member another role, which ends their log-ins."""
    members.set_role(
        session,
        pool_id=pool_named(session, pool).id,
        person=person_named(session, person),
        role=body.role,
        by=by.id,
    )


@router.delete("/{person}", status_code=204, summary="Take out a member", responses=_NOBODY)
def take_out(session: SureSession, by: CurrentPerson, pool: str, person: str) -> None:
    """They see nothing of the pool any more, and their log-ins end. Their verdicts stay."""
    pool_id = pool_named(session, pool).id
    members.remove_member(session, pool_id=pool_id, person=person_named(session, person), by=by.id)
