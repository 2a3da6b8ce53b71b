"""Time passes in a test without waiting for it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import update

from app.db import Database
from app.tables import Page, now


def run_out(database: Database) -> None:
    """Let the leases of all pages run out."""
    with database.write() as session:
        session.execute(update(Page).values(leased_until=now() - timedelta(seconds=1)))
