"""The people under load: an admin who looks after everything, and annotators who are members of the pool."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Database
from app.identity.log_ins import start_log_in
from app.tables import Member, Person, Pool

ADMIN = "admin"


def log_in_all(database: Database, *, pool: str, annotators: int) -> tuple[str, list[str]]:
    """Add the people and log them in; return the cookies of the admin and of each annotator."""
    with database.write() as session:
        pool_id = session.scalars(select(Pool.id).where(Pool.name == pool)).one()
        admin = _added(session, ADMIN, admin=True)
        people = [_added(session, f"annotator {number}") for number in range(1, annotators + 1)]
        session.add_all([Member(pool_id=pool_id, person_id=person.id, role="annotator") for person in people])
        secrets = [start_log_in(session, person_id=person.id, days=1) for person in (admin, *people)]
    return secrets[0], secrets[1:]


def _added(session: Session, name: str, *, admin: bool = False) -> Person:
    person = Person(name=name, name_key=name, admin=admin)
    session.add(person)
    session.flush()
    return person
