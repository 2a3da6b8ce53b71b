"""The command line: everything that the browser does not do, and the server itself."""

from __future__ import annotations

import os

from app import garbage
from app.cli.group import Group


def main() -> None:
    """Run `winnow` with the arguments of this process."""
    # What is written from here on, by this process and those that it starts, is for this user alone: the database holds
    # hashes of passwords, and pictures may be private.
    os.umask(0o077)
    # Before FAISS is loaded: threads that spin while they wait stall every other process on the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    garbage.look_seldom()
    database = {
        "upgrade": "app.cli.records:upgrade_database",
        "copy": "app.cli.copying:copy_database",
    }
    user = {
        "add": "app.cli.people:add",
        "list": "app.cli.people:list_people",
        "password": "app.cli.people:password",
        "role": "app.cli.people:role",
        "admin": "app.cli.people:admin",
        "remove": "app.cli.people:remove",
        "token": "app.cli.people:token",
    }
    winnow = {
        "serve": "app.cli.serving:serve",
        "quickstart": "app.cli.serving:quickstart",
        "worker": "app.cli.working:worker",
        "import": "app.cli.pictures:import_pictures",
        "reindex": "app.cli.pictures:reindex",
        "check-index": "app.cli.checking:check_index",
        "compare": "app.cli.versions:compare",
        "export": "app.cli.records:export",
        "pools": "app.cli.records:list_pools",
        "backup": "app.cli.backups:backup",
        "restore": "app.cli.backups:restore",
        "db": Group("db", "Look after the database.", database),
        "user": Group("user", "Look after the people who can log in.", user),
    }
    Group("winnow", "Label images by throwing out what does not belong.", winnow)(prog_name="winnow")
