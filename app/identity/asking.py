"""Finds out who asks: by the cookie of a log-in or a token, in one query, with their roles in the pools at hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Executable,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session
from starlette.requests import Request

from app.db import Database
from app.errors import AppError
from app.identity.access import NUMBERED, About, Found
from app.identity.cookies import cookie_name
from app.identity.people import LOCAL, SOMEBODY_LOGS_IN, Asking, Everywhere, NobodyHere, PersonLine, goes_on_with
from app.identity.secrets import digest
from app.names import name_key
from app.tables import (
    Commit,
    Image,
    IndexVersion,
    Job,
    LogIn,
    Lot,
    Member,
    Page,
    Person,
    Pool,
    PoolImage,
    Review,
    ReviewQuery,
    Token,
    now,
)
from app.words import Role

# What is read sixty times a page stays a read: only this often is it written down that somebody was here.
SEEN_EVERY = timedelta(minutes=5)


class BadToken(AppError):
    """This token is unknown, has expired or was revoked; make a new one."""

    status = 401

    def __init__(self) -> None:
        super().__init__()
        self.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'


@dataclass(frozen=True)
class Shown:
    """What a request shows for itself."""

    cookie: str | None
    token: str | None

    @classmethod
    def by(cls, request: Request) -> Shown:
        """Return what this request shows."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return cls(request.cookies.get(cookie_name(request)), token.strip() if kind.lower() == "bearer" else None)


def who_asks(database: Database, shown: Shown, found: Found, *, log_in_days: int) -> Asking:
    """Return who asks, with their roles in the pools that the address is about. Raises BadToken.

    While nobody can log in, it is the local person, who may do everything.
    """
    asking, by = database.glance(lambda connection: _known(connection, shown, found))
    # What is noted wants a connection of its own: whoever holds one meanwhile can bring all to a halt.
    if by is not None:
        _note(database, LogIn if asking.way == "log-in" else Token, by, log_in_days)
    return asking


def who_asks_now(session: Session, shown: Shown, found: Found) -> Asking:
    """Return who asks as of the caller's transaction. Raises BadToken."""
    return _known(session.connection(), shown, found)[0]


# Each way in is one statement that says all: a glance does not see one snapshot.
def _known(connection: Connection, shown: Shown, found: Found) -> tuple[Asking, Row[Any] | None]:
    """Return who asks, with a row of the log-in or token by which they are known."""
    if shown.cookie and shown.token is None and (rows := _rows(connection, LogIn, shown.cookie, found)):
        return _asking(rows, way="log-in", ceiling="admin"), rows[0]
    local = connection.execute(_LOCAL).one_or_none()
    if local is None:
        raise NobodyHere
    if not local.somebody_logs_in:
        return Asking(PersonLine(local.id, local.name), "local", everywhere="admin"), None
    if shown.token is None:
        return Asking(), None
    rows = _rows(connection, Token, shown.token, found)
    if not rows:
        raise BadToken
    return _asking(rows, way="token", ceiling=rows[0].ceiling), rows[0]


def _rows(connection: Connection, by: type[LogIn | Token], secret: str, found: Found) -> list[Row[Any]]:
    """Return a row for each role that matters, or one without a role; nothing if nobody is known by the secret."""
    about = found.rule.about
    value: str | int | None = found.named
    if about is About.POOL:
        value = name_key(found.named)
    elif found.nothing:
        about, value = About.POOL, ""  # No pool holds it.
    elif about in NUMBERED:
        value = found.number
    given = {"digest": digest(secret), "now": now(), "value": value}
    rows = list(connection.execute(_statement(by, about), given))
    if about is About.IMAGE and rows and rows[0].role is None and not rows[0].admin:
        rows = list(connection.execute(_statement(by, about, uploaded=True), given))
    return rows


@cache
def _statement(by: type[LogIn | Token], about: About, uploaded: bool = False) -> Executable:
    """One query for all: built once for each kind of address, since building takes longer than running."""
    mine = Member.person_id == Person.id
    if about is not About.NOTHING:
        mine = and_(mine, Member.pool_id.in_(_UPLOADED_TO if uploaded else _POOLS[about]))
    seen_at = LogIn.last_seen_at if by is LogIn else Token.last_used_at
    found = (
        select(
            by.id,
            seen_at.label("seen_at"),
            Person.id.label("person_id"),
            Person.name,
            Person.admin,
            Member.pool_id,
            Member.role,
            _BEGAN.get(about, true()).label("began"),
        )
        .select_from(by)
        .join(Person, Person.id == by.person_id)
        .outerjoin(Member, mine)
        .where(by.digest == bindparam("digest"), Person.removed_at.is_(None))
    )
    if by is LogIn:
        return found.where(LogIn.expires_at > bindparam("now"))
    alive = or_(Token.expires_at.is_(None), Token.expires_at > bindparam("now"))
    return found.add_columns(Token.role.label("ceiling")).where(Token.revoked_at.is_(None), alive)


_LOCAL = select(SOMEBODY_LOGS_IN.label("somebody_logs_in"), Person.id, Person.name).where(Person.name_key == LOCAL)
_VALUE: BindParameter[Any] = bindparam("value")
_POOLS: dict[About, Select[int]] = {
    About.POOL: select(Pool.id).where(Pool.name_key == _VALUE),
    About.REVIEW: select(Review.pool_id).where(Review.id == _VALUE),
    About.PAGE: select(Review.pool_id).join(Page, Page.review_id == Review.id).where(Page.id == _VALUE),
    About.LOT: select(Review.pool_id).join(Lot, Lot.review_id == Review.id).where(Lot.id == _VALUE),
    About.JOB: select(Job.pool_id).where(Job.id == _VALUE),
    About.COMMIT: select(Commit.pool_id).where(Commit.id == _VALUE),
    About.INDEX_VERSION: select(IndexVersion.pool_id).where(IndexVersion.id == _VALUE),
    About.IMAGE: select(PoolImage.pool_id).join(Image, Image.id == PoolImage.image_id).where(Image.sha256 == _VALUE),
}
_REVIEWS: dict[About, ColumnElement[int]] = {
    About.REVIEW: _VALUE,
    About.PAGE: select(Page.review_id).where(Page.id == _VALUE).scalar_subquery(),
    About.LOT: select(Lot.review_id).where(Lot.id == _VALUE).scalar_subquery(),
}
_BEGAN: dict[About, ColumnElement[bool]] = {
    # Of a review that is not there, the route tells.
    about: ~exists().where(Review.id == review, ~goes_on_with(Person.id)).correlate(Person)
    for about, review in _REVIEWS.items()
}
# A picture that a review starts from without a pool holding it.
_UPLOADED_TO = (
    select(Review.pool_id)
    .join(ReviewQuery, ReviewQuery.review_id == Review.id)
    .where(ReviewQuery.upload_sha256 == _VALUE)
)


def _asking(rows: list[Row[Any]], *, way: Any, ceiling: Everywhere) -> Asking:
    person = PersonLine(rows[0].person_id, rows[0].name)
    if rows[0].admin:
        return Asking(person, way, everywhere=ceiling, began=rows[0].began)
    roles = {row.pool_id: _at_most(row.role, ceiling) for row in rows if row.role is not None}
    return Asking(person, way, roles=roles, began=rows[0].began)


def _at_most(role: Role, ceiling: Everywhere) -> Role:
    """Leads and engineers may each do what the other may not; both may label."""
    return role if ceiling in (role, "admin") else "annotator"


def _note(database: Database, by: type[LogIn | Token], row: Row[Any], log_in_days: int) -> None:
    """Write down that somebody was here, unless that was written a moment ago."""
    moment: datetime = now()
    if row.seen_at is not None and moment - row.seen_at < SEEN_EVERY:
        return
    with database.write() as session:
        if by is Token:
            session.execute(update(Token).where(Token.id == row.id).values(last_used_at=moment))
        else:
            until = moment + timedelta(days=log_in_days)
            session.execute(update(LogIn).where(LogIn.id == row.id).values(last_seen_at=moment, expires_at=until))
