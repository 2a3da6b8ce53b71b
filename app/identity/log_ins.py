"""Logging in and out: the password, how often it may be guessed, and the log-in that comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Network, ip_address
from math import ceil

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import AppError
from app.history import record
from app.identity.accounts import set_password
from app.identity.people import PersonLine, one_at_a_time
from app.identity.secrets import digest, hashed, is_password, new_secret
from app.names import LONGEST_NAME, name_key
from app.settings import Settings
from app.tables import LogIn, LogInAttempt, Person, now

# People of one office may share an address.
NAMES_PER_ADDRESS = 5


class WrongPassword(AppError):
    """This name and this password do not belong together."""

    status = 401


class TooManyAttempts(AppError):
    """Too many wrong passwords."""

    status = 429

    def __init__(self, seconds: int) -> None:
        minutes = ceil(seconds / 60)
        super().__init__(
            f"Too many wrong passwords. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}, "
            "or ask an admin for another password."
        )
        self.headers["Retry-After"] = str(seconds)


def log_in(database: Database, settings: Settings, *, name: str, password: str, address: str) -> str:
    """Return the secret of a new log-in. Raises WrongPassword and TooManyAttempts.

    In transactions of its own: a guess is counted before it is tried, whatever happens at the same time, and nobody
    else's writing waits while the password is hashed.
    """
    checked = _checked(database, settings, name=name, password=password, address=address)
    with database.write() as session:
        _look_again(session, checked)
        secret = start_log_in(session, person_id=checked.person.id, days=settings.log_in_days)
        record(session, "log-in", person_id=checked.person.id)
    return secret


def change_password(
    database: Database, settings: Settings, *, person: PersonLine, present: str, new: str, address: str
) -> str:
    """Give somebody another password and return the secret of their one log-in.

    Raises WrongPassword, TooManyAttempts and BadPassword.
    """
    checked = _checked(database, settings, name=person.name, password=present, address=address)
    password = hashed(new)
    with database.write() as session:
        one_at_a_time(session)
        _look_again(session, checked)
        set_password(session, person=checked.person, password=password, by=checked.person.id)
        return start_log_in(session, person_id=checked.person.id, days=settings.log_in_days)


@dataclass(frozen=True)
class _Checked:
    """A person who gave the password that has this hash."""

    person: PersonLine
    password_hash: str


def _checked(database: Database, settings: Settings, *, name: str, password: str, address: str) -> _Checked:
    """Return the person who has this name and this password. Raises WrongPassword and TooManyAttempts."""
    key, address = name_key(name[:LONGEST_NAME]), _counted_by(address)
    with database.read() as session:
        # What is hopeless writes nothing. The rule is kept below, where all who come at once are counted.
        wait = _wait(session, settings, key=key, address=address, coming=1)
    if wait:
        raise TooManyAttempts(wait)
    with database.write() as session:
        attempt = LogInAttempt(name_key=key, address=address)
        session.add(attempt)
        session.flush()
        attempt_id = attempt.id
    with database.write() as session:
        session.execute(delete(LogInAttempt).where(LogInAttempt.at < now() - _window(settings)))
        wait = _wait(session, settings, key=key, address=address)
        if wait:
            # What was not tried does not count: who waits gets in.
            session.execute(delete(LogInAttempt).where(LogInAttempt.id == attempt_id))
    if wait:
        raise TooManyAttempts(wait)
    with database.read() as session:
        row = session.execute(
            select(Person.id, Person.name, Person.password_hash).where(
                Person.name_key == key, Person.removed_at.is_(None)
            )
        ).one_or_none()
    if not is_password(password, row and row.password_hash) or row is None:
        raise WrongPassword
    with database.write() as session:
        session.execute(delete(LogInAttempt).where(LogInAttempt.name_key == key))
    return _Checked(PersonLine(row.id, row.name), row.password_hash)


def _counted_by(address: str) -> str:
    """Return what guesses from an address are counted by: of IPv6, the /64, all of which one guesser may have."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(found, IPv4Address) or found.ipv4_mapped is not None:
        return address
    return str(IPv6Network((int(found), 64), strict=False))


def _look_again(session: Session, checked: _Checked) -> None:
    """Keep others from changing the person until the transaction ends. Raises WrongPassword if somebody just did."""
    # While the password was hashed, an admin may have given another, to end all that comes of this one.
    still = select(Person.id).where(
        Person.id == checked.person.id, Person.password_hash == checked.password_hash, Person.removed_at.is_(None)
    )
    if session.scalars(still.with_for_update(key_share=True)).one_or_none() is None:
        raise WrongPassword


def start_log_in(session: Session, *, person_id: int, days: int) -> str:
    """Store a log-in and return the secret by which its browser is known; those that ran out are removed."""
    session.execute(delete(LogIn).where(LogIn.expires_at <= now()))
    secret = new_secret()
    session.add(LogIn(person_id=person_id, digest=digest(secret), expires_at=now() + timedelta(days=days)))
    return secret


def log_out(session: Session, secret: str) -> None:
    """End the log-in of this secret; if there is none, there is nothing to do."""
    person_id = session.scalars(
        delete(LogIn).where(LogIn.digest == digest(secret)).returning(LogIn.person_id)
    ).one_or_none()
    if person_id is not None:
        record(session, "log-out", person_id=person_id)


def _wait(session: Session, settings: Settings, *, key: str, address: str, coming: int = 0) -> int:
    """Return for how many seconds nothing may be tried; 0 if it may now. `coming` attempts are not stored yet."""
    window, allowed = _window(settings), settings.log_in_failures
    return max(
        _wait_of(session, LogInAttempt.name_key == key, allowed - coming, window),
        _wait_of(session, LogInAttempt.address == address, allowed * NAMES_PER_ADDRESS - coming, window),
    )


def _wait_of(session: Session, same: ColumnElement[bool], allowed: int, window: timedelta) -> int:
    recent = select(func.count(), func.min(LogInAttempt.at)).where(same, LogInAttempt.at >= now() - window)
    count, oldest = session.execute(recent).one()
    if count <= allowed:
        return 0
    return max(1, ceil((oldest + window - now()).total_seconds()))


def _window(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.log_in_window_minutes)
