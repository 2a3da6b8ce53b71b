"""Passwords, and what browsers and programs show instead of them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from functools import cache
from threading import BoundedSemaphore
from typing import NewType, TypeVar

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError

from app.errors import Invalid, Unavailable

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000

# Each takes 64 MiB for a tenth of a second: a flood of log-ins must not take the server's memory.
AT_ONCE = 2
_AT_ONCE = BoundedSemaphore(AT_ONCE)

# About as many as are done within two seconds.
MOST_WAITING = 20

_threads = RunVar[CapacityLimiter]("threads for passwords")
_under_way: set[object] = set()

Done = TypeVar("Done")

# An Argon2 hash of a password, made before the transaction that stores it: others wait for that one.
Hashed = NewType("Hashed", str)


class BadPassword(Invalid):
    """This password cannot be used."""


class TooManyLogIns(Unavailable):
    """Too many people are logging in at once; try again in a few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["Retry-After"] = "5"


async def beside_all_else(work: Callable[[], Done]) -> Done:
    """Return what some work with a password comes to, done in threads that nothing else needs. Raises TooManyLogIns.

    In those that all requests share, a flood of log-ins would let everybody wait.
    """
    try:
        threads = _threads.get()
    except LookupError:
        threads = CapacityLimiter(AT_ONCE)
        _threads.set(threads)
    if len(_under_way) >= AT_ONCE + MOST_WAITING:
        raise TooManyLogIns
    this = object()
    _under_way.add(this)
    try:
        return await run_sync(work, limiter=threads)
    finally:
        _under_way.remove(this)


def hashed(password: str) -> Hashed:
    """Return the password's Argon2 hash. Raises BadPassword."""
    if len(password) < SHORTEST_PASSWORD:
        raise BadPassword(f"A password needs at least {SHORTEST_PASSWORD} characters; a few words make a good one.")
    if len(password) > LONGEST_PASSWORD:
        raise BadPassword(f"A password has at most {LONGEST_PASSWORD} characters.")
    with _AT_ONCE:
        return Hashed(_hasher().hash(password))


def is_password(password: str, password_hash: str | None) -> bool:
    """Whether this is the password; without a hash, False, after as long a time."""
    nobodys = _nobodys_hash()
    try:
        with _AT_ONCE:
            right = _hasher().verify(password, password_hash or nobodys)
    except UnknownHashError:
        return False
    return right and password_hash is not None


def new_secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what the database keeps of a secret that cannot be guessed: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(new_secret())
