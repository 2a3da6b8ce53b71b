"""`winnow user`: who can log in, for whoever looks after the server."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.cli.frame import opened_database, read_settings
from app.cli.telling import say
from app.errors import Invalid
from app.identity import accounts, members, tokens
from app.identity.secrets import hashed
from app.pools.queries import pool_named
from app.words import Role

Name = Annotated[str, typer.Argument(metavar="NAME", help="The person's name.")]


class RoleName(StrEnum):
    """What somebody may do in a pool."""

    ANNOTATOR = "annotator"
    LEAD = "lead"
    ENGINEER = "engineer"


class Ceiling(StrEnum):
    """What a token may do at most."""

    ANNOTATOR = "annotator"
    LEAD = "lead"
    ENGINEER = "engineer"
    ADMIN = "admin"


PoolOption = Annotated[str | None, typer.Option(metavar="POOL", help="A pool that they are to work on.")]
RoleOption = Annotated[RoleName | None, typer.Option(help="As what; an annotator if absent.")]


class RoleWithoutPool(Invalid):
    """A role is a role in a pool; name it with --pool."""


class PasswordsDiffer(Invalid):
    """The two passwords differ; nothing was changed."""


def add(
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="They may do everything, and manage people.")] = False,
    pool: PoolOption = None,
    role: RoleOption = None,
) -> None:
    """Add a person who can log in. The password is asked for, or read from standard input."""
    if role is not None and pool is None:
        raise RoleWithoutPool
    with opened_database(read_settings()) as database:
        with database.read() as session:
            if pool is not None:
                pool_named(session, pool)
            accounts.refuse_to_add(session, name=name, admin=admin)
        given = hashed(_password())
        with database.write() as session:
            person = accounts.add_person(session, name=name, password=given, admin=admin, by=None)
            if pool is not None:
                pool_id = pool_named(session, pool).id
                members.set_role(
                    session, pool_id=pool_id, person=person, role=_role(role or RoleName.ANNOTATOR), by=None
                )
    say(f"{person.name} can log in now.")


def list_people() -> None:
    """List the people."""
    table = Table("Name", "Admin", "Logs in", "Pools", box=None)
    with opened_database(read_settings()) as database, database.read() as session:
        for row in accounts.people(session):
            pools = ", ".join(f"{pool} ({role})" for pool, role in row.roles.items())
            table.add_row(row.name, "yes" if row.admin else "", "yes" if row.logs_in else "no", pools)
    Console().print(table)


def password(name: Name) -> None:
    """Give a person another password, which is asked for or read from standard input. Their log-ins end."""
    with opened_database(read_settings()) as database:
        with database.read() as session:
            person = accounts.person_named(session, name)
        given = hashed(_password())
        with database.write() as session:
            accounts.set_password(session, person=person, password=given, by=None)
    say(f"{person.name} has another password now.")


def role(
    name: Name,
    pool: Annotated[str, typer.Argument(metavar="POOL", help="The pool's name.")],
    role: Annotated[RoleName | None, typer.Argument(metavar="[ROLE]", help="Absent: none any more.")] = None,
) -> None:
    """Give a person a role in a pool: annotator, lead or engineer; or take it away. Their log-ins end."""
    with opened_database(read_settings()) as database, database.write() as session:
        person, pool_id = accounts.person_named(session, name), pool_named(session, pool).id
        if role is None:
            members.remove_member(session, pool_id=pool_id, person=person, by=None)
        else:
            members.set_role(session, pool_id=pool_id, person=person, role=_role(role), by=None)
    say(f"{person.name} is {_called(role)} {pool} now.")


def admin(
    name: Name, take_away: Annotated[bool, typer.Option("--no", help="Let them be one no longer.")] = False
) -> None:
    """Make a person an admin. Their log-ins end."""
    with opened_database(read_settings()) as database, database.write() as session:
        person = accounts.person_named(session, name)
        accounts.set_admin(session, person=person, admin=not take_away, by=None)
    say(f"{person.name} is {'no admin any more' if take_away else 'an admin now'}.")


def remove(name: Name) -> None:
    """Let a person in no more. Their verdicts stay."""
    with opened_database(read_settings()) as database, database.write() as session:
        person = accounts.person_named(session, name)
        accounts.remove_person(session, person=person, by=None)
    say(f"{person.name} is removed.")


def token(
    name: Name,
    label: Annotated[str, typer.Option("--for", help="What the token is for.")] = "command line",
    role: Annotated[
        Ceiling, typer.Option(help="It may do no more than this, nor than its person.")
    ] = Ceiling.ANNOTATOR,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it lasts.")] = 90,
) -> None:
    """Make a token for a program of a person's, and print it. It is shown this once."""
    with opened_database(read_settings()) as database, database.write() as session:
        person = accounts.person_named(session, name)
        _, secret = tokens.add_token(session, person_id=person.id, name=label, role=role.value, days=days, by=None)
    typer.echo(secret)


def _password() -> str:
    """Ask for a password, twice; or read a line of standard input if nobody sits there."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    given: str = typer.prompt("Password", hide_input=True, err=True)
    if typer.prompt("The same again", hide_input=True, err=True) != given:
        raise PasswordsDiffer
    return given


def _role(role: RoleName) -> Role:
    return role.value


def _called(role: RoleName | None) -> str:
    if role is None:
        return "no member of"
    return f"{'a' if role is RoleName.LEAD else 'an'} {role.value} of"
