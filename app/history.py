"""What is written down of everything that people do: the journal's one pen."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from app.tables import JournalEntry
from app.words import Act


def record(
    session: Session,
    act: Act,
    *,
    person_id: int | None,
    pool_id: int | None = None,
    class_id: int | None = None,
    commit_id: int | None = None,
    job_id: int | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Write an entry in the caller's transaction: the act and its entry are kept both, or neither.

    `details` hold what it was told, never a secret. Acts that give or take back verdicts name their commit, and are
    written by `app.verdicts.journal`.
    """
    session.add(
        JournalEntry(
            act=act,
            person_id=person_id,
            pool_id=pool_id,
            class_id=class_id,
            commit_id=commit_id,
            job_id=job_id,
            details=details,
        )
    )
