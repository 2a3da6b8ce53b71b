"""Tokens: what somebody's programs show instead of a log-in. Nothing here commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.errors import Forbidden, NotFound
from app.history import record
from app.identity.people import Everywhere
from app.identity.secrets import digest, new_secret
from app.names import checked_name
from app.tables import Token, now

# So that whoever finds one, a scanner of repositories included, knows what it is.
PREFIX = "winnow_"


class TokenNotFound(NotFound):
    """You have no such token."""


class RoleNotYours(Forbidden):
    """You do not have this role, so no token of yours can have it."""


@dataclass(frozen=True)
class TokenLine:
    id: int
    name: str
    role: Everywhere  # it may do no more than this, nor than its person
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def tokens_of(session: Session, *, person_id: int) -> list[TokenLine]:
    """Return somebody's tokens that are not revoked, the newest first; those that have expired among them."""
    rows = session.execute(
        select(Token.id, Token.name, Token.role, Token.created_at, Token.expires_at, Token.last_used_at)
        .where(Token.person_id == person_id, Token.revoked_at.is_(None))
        .order_by(Token.id.desc())
    )
    return [
        TokenLine(row.id, row.name, cast(Everywhere, row.role), row.created_at, row.expires_at, row.last_used_at)
        for row in rows
    ]


def add_token(
    session: Session, *, person_id: int, name: str, role: Everywhere, days: int | None, by: int | None
) -> tuple[TokenLine, str]:
    """Make a token and return it with its secret, which is kept nowhere. Raises BadName.

    `days` is how long it lasts; None is until it is revoked.
    """
    secret = PREFIX + new_secret()
    token = Token(
        person_id=person_id,
        name=checked_name(name),
        digest=digest(secret),
        role=role,
        expires_at=None if days is None else now() + timedelta(days=days),
    )
    session.add(token)
    session.flush()
    record(session, "token", person_id=by, details={"token": token.id, "name": token.name, "role": role})
    return TokenLine(token.id, token.name, role, token.created_at, token.expires_at, None), secret


def revoke_token(session: Session, *, person_id: int, token_id: int) -> None:
    """Let a token of this person do nothing any more. Raises TokenNotFound, also for one revoked before."""
    revoked = session.scalars(
        update(Token)
        .where(Token.id == token_id, Token.person_id == person_id, Token.revoked_at.is_(None))
        .values(revoked_at=now())
        .returning(Token.name)
    ).one_or_none()
    if revoked is None:
        raise TokenNotFound
    record(session, "revoke-token", person_id=person_id, details={"token": token_id, "name": revoked})
