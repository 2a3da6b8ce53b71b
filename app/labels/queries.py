"""The images of a class by their verdict in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.pools.held import path_in_pool
from app.tables import Commit, Image, Label, Verdict


@dataclass(frozen=True)
class Labelled:
    """An image in the gallery of a class."""

    verdict_id: int
    image: str
    path: str
    verdict: str
    when: datetime
    score: float | None


def labelled_images(
    session: Session, *, pool_id: int, class_id: int, verdict: str, limit: int, before: int | None = None
) -> list[Labelled]:
    """Return images with this verdict in force, the latest first, from below the verdict id `before` on."""
    statement = (
        select(
            Label.verdict_id,
            Image.sha256,
            path_in_pool(Image.id, pool_id=pool_id),
            Label.value,
            Commit.created_at,
            Verdict.score,
        )
        .join(Image, Image.id == Label.image_id)
        .join(Verdict, Verdict.id == Label.verdict_id)
        .join(Commit, Commit.id == Verdict.commit_id)
        .where(Label.class_id == class_id, Label.value == verdict)
        .order_by(Label.verdict_id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(Label.verdict_id < before)
    return [Labelled(*row) for row in session.execute(statement)]
