"""Classes that were merged into others: whose verdicts count for which class. Nothing here commits.

A merged class keeps its row, its name and its verdicts; it points at the class that they count for, which may have been
merged itself. `app.labels.merging` sees to it that these ways never lead in a circle.
"""

from __future__ import annotations

from sqlalchemy import CTE, BindParameter, bindparam, select
from sqlalchemy.orm import Session, aliased

from app.phrases import among
from app.tables import LabelClass

_MERGED_INTO = select(LabelClass.id).where(among(LabelClass.merged_into_id, "classes"))
_WAYS = select(LabelClass.id, LabelClass.merged_into_id).where(
    LabelClass.pool_id == bindparam("pool"), LabelClass.merged_into_id.is_not(None)
)


def final_class_id(session: Session, class_id: int) -> int:
    """Return the class that verdicts for this one count for: itself, unless it was merged."""
    next_id: int | None = class_id
    while next_id is not None:
        class_id = next_id
        next_id = session.scalars(select(LabelClass.merged_into_id).where(LabelClass.id == class_id)).one()
    return class_id


def counted_as(session: Session, *, pool_id: int) -> dict[int, int]:
    """Return {class id: the class it counts for} of a pool's merged classes, and no others."""
    ways = dict(session.connection().execute(_WAYS, {"pool": pool_id}).all())
    return {class_id: _end(ways, class_id) for class_id in ways}


def counting_for(session: Session, class_id: int) -> list[int]:
    """Return a class and all that were merged into it, directly or by way of others."""
    found = [class_id]
    more = found
    while more:
        more = list(session.connection().execute(_MERGED_INTO, {"classes": more}).scalars())
        found = found + more
    return found


def final_classes(pool_id: int | BindParameter[int]) -> CTE:
    """All classes of a pool as rows (id, final_id): each with the one that its verdicts count for."""
    of_their_own = (
        select(LabelClass.id.label("id"), LabelClass.id.label("final_id"))
        .where(LabelClass.pool_id == pool_id, LabelClass.merged_into_id.is_(None))
        .cte("final_class", recursive=True)
    )
    merged = aliased(LabelClass)
    return of_their_own.union_all(
        select(merged.id, of_their_own.c.final_id).join(of_their_own, merged.merged_into_id == of_their_own.c.id)
    )


def _end(ways: dict[int, int | None], class_id: int) -> int:
    while (next_id := ways.get(class_id)) is not None:
        class_id = next_id
    return class_id
