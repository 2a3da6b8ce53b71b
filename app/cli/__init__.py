"""The command line: everything that the browser does not do, and the server itself."""

from __future__ import annotations

import os

from app.cli.frame import new_group
from app.cli.pictures import import_pictures, reindex
from app.cli.records import export, list_pools, upgrade_database
from app.cli.serving import quickstart, serve, worker


def main() -> None:
    """Run `winnow` with the arguments of this process."""
    # Before FAISS is loaded: threads that spin while they wait stall every other process on the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    winnow = new_group("Label images by throwing out what does not belong.")
    winnow.command("serve")(serve)
    winnow.command("quickstart")(quickstart)
    winnow.command("worker")(worker)
    winnow.command("import")(import_pictures)
    winnow.command("reindex")(reindex)
    winnow.command("export")(export)
    winnow.command("pools")(list_pools)
    database = new_group("Look after the database.")
    database.command("upgrade")(upgrade_database)
    winnow.add_typer(database, name="db")
    winnow(prog_name="winnow")
