"""The command line: everything that the browser does not do, and the server itself."""

from __future__ import annotations

import os

from app.cli import people
from app.cli.backups import backup, restore
from app.cli.copying import copy_database
from app.cli.frame import new_group
from app.cli.pictures import import_pictures, reindex
from app.cli.records import export, list_pools, upgrade_database
from app.cli.serving import quickstart, serve, worker
from app.cli.versions import check_index, compare


def main() -> None:
    """Run `winnow` with the arguments of this process."""
    # What is written from here on, by this process and those that it starts, is for this user alone: the database holds
    # hashes of passwords, and pictures may be private.
    os.umask(0o077)
    # Before FAISS is loaded: threads that spin while they wait stall every other process on the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    winnow = new_group("Label images by throwing out what does not belong.")
    winnow.command("serve")(serve)
    winnow.command("quickstart")(quickstart)
    winnow.command("worker")(worker)
    winnow.command("import")(import_pictures)
    winnow.command("reindex")(reindex)
    winnow.command("check-index")(check_index)
    winnow.command("compare")(compare)
    winnow.command("export")(export)
    winnow.command("pools")(list_pools)
    winnow.command("backup")(backup)
    winnow.command("restore")(restore)
    database = new_group("Look after the database.")
    database.command("upgrade")(upgrade_database)
    database.command("copy")(copy_database)
    winnow.add_typer(database, name="db")
    user = new_group("Look after the people who can log in.")
    user.command("add")(people.add)
    user.command("list")(people.list_people)
    user.command("password")(people.password)
    user.command("role")(people.role)
    user.command("admin")(people.admin)
    user.command("remove")(people.remove)
    user.command("token")(people.token)
    winnow.add_typer(user, name="user")
    winnow(prog_name="winnow")
