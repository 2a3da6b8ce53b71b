"""The page of a pool's members."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.identity import accounts, members
from app.identity.people import CurrentAsking
from app.pages import page
from app.pools.queries import pool_named
from app.sessions import ReadSession

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class MembersPage:
    pool: str
    members: list[members.MemberLine]
    admins: list[str]
    others: list[str]  # who might be added, by name; nobody for whoever may not add them


@router.get("/pools/{pool}/members")
def pool_members(request: Request, session: ReadSession, asking: CurrentAsking, pool: str) -> HTMLResponse:
    found = pool_named(session, pool)
    people = accounts.people(session) if asking.admin else []
    context = MembersPage(
        pool=found.name,
        members=members.members(session, pool_id=found.id),
        admins=accounts.admins(session),
        others=[row.name for row in people if row.logs_in and found.name not in row.roles],
    )
    return page(request, "identity/members.html", context)
