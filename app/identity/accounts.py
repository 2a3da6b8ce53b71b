"""People: who there is, adding and removing them, their passwords. Nothing here commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid, NotFound
from app.history import record
from app.identity.people import LOCAL, PersonLine, one_at_a_time, somebody_logs_in
from app.identity.secrets import Hashed
from app.names import checked_name, name_key
from app.tables import LogIn, LogInAttempt, Member, Person, Pool, Token, now
from app.words import Role


class PersonNotFound(NotFound):
    """There is no person of this name."""


class PersonExists(Conflict):
    """There is already a person of this name."""


class FirstIsAdmin(Invalid):
    """The first person who can log in has to be an admin, who can then add the others."""


class LastAdmin(Conflict):
    """This is the last admin; make somebody else an admin first."""


class LocalPerson(Conflict):
    """“local” is whoever used Winnow before people logged in, and has no log-in; add a person by another name."""


class OwnPassword(Conflict):
    """Change your own password on your own page, which asks for your present one."""


@dataclass(frozen=True)
class PersonRow:
    """A person, with their role in each pool that they are a member of."""

    id: int
    name: str
    admin: bool
    logs_in: bool
    last_seen_at: datetime | None
    roles: dict[str, Role]


def people(session: Session) -> list[PersonRow]:
    """Return everybody who has not been removed, by name."""
    roles: dict[int, dict[str, Role]] = {}
    members = select(Member.person_id, Pool.name, Member.role).join(Pool, Pool.id == Member.pool_id)
    for person_id, pool, role in session.execute(members.order_by(Pool.name_key)):
        roles.setdefault(person_id, {})[pool] = cast(Role, role)
    seen = select(func.max(LogIn.last_seen_at)).where(LogIn.person_id == Person.id).scalar_subquery()
    rows = session.execute(
        select(Person.id, Person.name, Person.admin, Person.password_hash.is_not(None), seen)
        .where(Person.removed_at.is_(None))
        .order_by(Person.name_key)
    )
    return [PersonRow(*row, roles=roles.get(row.id, {})) for row in rows]


def admins(session: Session) -> list[str]:
    """Return the names of the admins, whom others may ask."""
    rows = select(Person.name).where(Person.admin, Person.removed_at.is_(None)).order_by(Person.name_key)
    return list(session.scalars(rows))


def roles_in(session: Session, *, roles: Mapping[int, Role]) -> dict[str, Role]:
    """Return roles by the names of their pools instead of the ids."""
    rows = session.execute(select(Pool.id, Pool.name).where(Pool.id.in_(roles)).order_by(Pool.name_key))
    return {name: roles[pool_id] for pool_id, name in rows}


def person_named(session: Session, name: str) -> PersonLine:
    """Return the person of this name, whatever its case, unless removed. Raises PersonNotFound."""
    row = session.execute(
        select(Person.id, Person.name).where(Person.name_key == name_key(name), Person.removed_at.is_(None))
    ).one_or_none()
    if row is None:
        raise _nobody(name)
    return PersonLine(*row)


def see_that_there_was(session: Session, *, name: str) -> None:
    """Raise PersonNotFound unless somebody of this name, whatever its case, has ever been here."""
    if session.scalars(select(Person.id).where(Person.name_key == name_key(name)).limit(1)).first() is None:
        raise _nobody(name)


def is_local(name: str) -> bool:
    """Whether this is the name of whoever used Winnow before people logged in, and has no log-in."""
    return name_key(name) == LOCAL


def add_person(session: Session, *, name: str, password: Hashed, admin: bool, by: int | None) -> PersonLine:
    """Add somebody who can log in. Raises BadName, PersonExists and FirstIsAdmin.

    `by` is the person who adds them, by id; None is an operator at the command line.
    """
    name = refuse_to_add(session, name=name, admin=admin)
    person = Person(name=name, name_key=name_key(name), admin=admin, password_hash=password)
    try:
        with session.begin_nested():
            session.add(person)
    except IntegrityError as error:
        raise _taken(name) from error
    record(session, "add-person", person_id=by, details={"person": name, "admin": admin})
    return PersonLine(person.id, person.name)


def refuse_to_add(session: Session, *, name: str, admin: bool) -> str:
    """Return the name in its stored form. Raises BadName, PersonExists and FirstIsAdmin."""
    if not admin and not somebody_logs_in(session):
        raise FirstIsAdmin
    name = checked_name(name)
    if session.scalars(select(Person.id).where(Person.name_key == name_key(name))).first() is not None:
        raise _taken(name)
    return name


def set_password(session: Session, *, person: PersonLine, password: Hashed, by: int | None) -> None:
    """Give somebody another password, which ends all their log-ins. Raises PersonNotFound and LocalPerson.

    Unless they do so themselves, it ends their tokens too: whoever knew the old one may have made some.
    """
    _refuse_local(person)
    hold(session, person)
    session.execute(update(Person).where(Person.id == person.id).values(password_hash=password))
    # Guesses at the old one: whoever has to wait for them is told to ask for another.
    session.execute(delete(LogInAttempt).where(LogInAttempt.name_key == name_key(person.name)))
    end_log_ins(session, person_id=person.id)
    if by != person.id:
        _end_tokens(session, person_id=person.id)
    record(session, "password", person_id=by, details={"person": person.name})


def set_admin(session: Session, *, person: PersonLine, admin: bool, by: int | None) -> None:
    """Make somebody an admin or no longer one, which ends all their log-ins.

    Raises PersonNotFound, LastAdmin and LocalPerson.
    """
    _refuse_local(person)
    hold(session, person)
    admins = _admins(session)
    if admin == (person.id in admins):
        return
    if not admin:
        _refuse_last(person, admins)
    session.execute(update(Person).where(Person.id == person.id).values(admin=admin))
    end_log_ins(session, person_id=person.id)
    record(session, "admin", person_id=by, details={"person": person.name, "admin": admin})


def remove_person(session: Session, *, person: PersonLine, by: int | None) -> None:
    """Let somebody in no more: their log-ins, tokens and memberships end, their verdicts stay.

    Raises PersonNotFound, LastAdmin and LocalPerson.
    """
    _refuse_local(person)
    hold(session, person)
    _refuse_last(person, _admins(session))
    session.execute(
        update(Person).where(Person.id == person.id).values(removed_at=now(), password_hash=None, admin=False)
    )
    end_log_ins(session, person_id=person.id)
    _end_tokens(session, person_id=person.id)
    session.execute(delete(Member).where(Member.person_id == person.id))
    record(session, "remove-person", person_id=by, details={"person": person.name})


def hold(session: Session, person: PersonLine) -> None:
    """Let nobody else change who gets in until the transaction ends. Raises PersonNotFound if somebody was removed."""
    one_at_a_time(session)
    there = select(Person.id).where(Person.id == person.id, Person.removed_at.is_(None))
    if session.scalars(there).one_or_none() is None:
        raise _nobody(person.name)


def end_log_ins(session: Session, *, person_id: int) -> None:
    """End all log-ins of somebody, in whatever browser."""
    session.execute(delete(LogIn).where(LogIn.person_id == person_id))


def _end_tokens(session: Session, *, person_id: int) -> None:
    alive = Token.person_id == person_id, Token.revoked_at.is_(None)
    session.execute(update(Token).where(*alive).values(revoked_at=now()))


def _admins(session: Session) -> set[int]:
    return set(session.scalars(select(Person.id).where(Person.admin, Person.removed_at.is_(None))))


def _refuse_last(person: PersonLine, admins: set[int]) -> None:
    if admins == {person.id}:
        raise LastAdmin


def _refuse_local(person: PersonLine) -> None:
    if is_local(person.name):
        raise LocalPerson


def _nobody(name: str) -> PersonNotFound:
    return PersonNotFound(f"There is no person “{name}”.")


def _taken(name: str) -> PersonExists:
    return PersonExists(f"The name “{name}” is taken, perhaps by somebody who has gone.")
