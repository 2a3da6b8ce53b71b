"""Who may take back what: one's own entries always, those of others as a lead, an engineer or an admin."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Forbidden
from app.identity.people import LOCAL
from app.tables import Member, Person


class NotYours(Forbidden):
    """Somebody else stored this: only they, a lead, an engineer or an admin can take it back."""


def see_that_may_undo(session: Session, *, person_id: int, author_id: int, pool_id: int) -> None:
    """Raise NotYours unless this person may take back what the author stored in the pool."""
    if person_id != author_id and rights(session, person_id=person_id, pool_id=pool_id) not in {
        "lead",
        "engineer",
        "admin",
    }:
        raise NotYours


def rights(session: Session, *, person_id: int, pool_id: int) -> str | None:
    """Return as what somebody works on a pool: a member's role, "admin", or None.

    The person that a server without log-in works for may do everything.
    """
    row = session.execute(
        select(Person.name_key, Person.admin, Member.role)
        .outerjoin(Member, (Member.person_id == Person.id) & (Member.pool_id == pool_id))
        .where(Person.id == person_id)
    ).one()
    return "admin" if row.admin or row.name_key == LOCAL else row.role
