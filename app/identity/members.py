"""Who works on a pool, and as what. Nothing here commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.history import record
from app.identity.accounts import end_log_ins, hold
from app.identity.people import PersonLine
from app.tables import Member, Person
from app.words import Role


class NotAMember(NotFound):
    """This person is no member of the pool."""


@dataclass(frozen=True)
class MemberLine:
    name: str
    role: Role
    since: datetime


def members(session: Session, *, pool_id: int) -> list[MemberLine]:
    """Return a pool's members by name."""
    rows = session.execute(
        select(Person.name, Member.role, Member.created_at)
        .join(Person, Person.id == Member.person_id)
        .where(Member.pool_id == pool_id)
        .order_by(Person.name_key)
    )
    return [MemberLine(name, cast(Role, role), since) for name, role, since in rows]


def set_role(session: Session, *, pool_id: int, person: PersonLine, role: Role, by: int | None) -> None:
    """Make somebody a member, or give a member another role, which ends all their log-ins. Raises PersonNotFound."""
    hold(session, person)
    member = session.get(Member, (pool_id, person.id))
    if member is None:
        session.add(Member(pool_id=pool_id, person_id=person.id, role=role))
    elif member.role == role:
        return
    else:
        member.role = role
        end_log_ins(session, person_id=person.id)
    record(session, "role", person_id=by, pool_id=pool_id, details={"person": person.name, "role": role})


def remove_member(session: Session, *, pool_id: int, person: PersonLine, by: int | None) -> None:
    """Take somebody out of a pool, which ends all their log-ins; their verdicts stay.

    Raises PersonNotFound and NotAMember.
    """
    hold(session, person)
    gone = session.scalars(
        delete(Member).where(Member.pool_id == pool_id, Member.person_id == person.id).returning(Member.person_id)
    ).one_or_none()
    if gone is None:
        raise NotAMember(f"“{person.name}” is no member of this pool.")
    end_log_ins(session, person_id=person.id)
    record(session, "role", person_id=by, pool_id=pool_id, details={"person": person.name, "role": None})
