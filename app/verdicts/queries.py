"""What the journal says: commits that stand, verdicts in force, counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from app.tables import Commit, Label, LabelClass, Verdict
from app.verdicts.rule import Given
from app.words import ACCEPT, REJECT, UNSURE

_undo = aliased(Commit)
# The condition that nothing has undone a commit; undo entries themselves are no commits in this sense. It is made
# once: making an alias takes longer than most queries.
STANDS = and_(Commit.kind != "undo", ~exists().where(_undo.undoes_id == Commit.id))

# Both databases bound the number of parameters of one statement.
PARAMETERS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Counts:
    """How many images of a class are accepted, rejected and unsure now."""

    accepted: int = 0
    rejected: int = 0
    unsure: int = 0


def standing_verdicts(session: Session, *, pool_id: int, image_ids: Collection[int]) -> Iterator[Given]:
    """Yield the verdicts of a pool on these images that have not been undone, in no special order."""
    for ids in in_batches(image_ids):
        rows = session.execute(
            select(Verdict.id, Verdict.image_id, Verdict.class_id, Verdict.value)
            .join(Commit, Commit.id == Verdict.commit_id)
            .where(Verdict.image_id.in_(ids), Commit.pool_id == pool_id, STANDS)
        )
        yield from (Given(*row) for row in rows)


def class_counts(session: Session, *, class_id: int) -> Counts:
    """Count a class's images by their verdict in force."""
    rows = session.execute(select(Label.value, func.count()).where(Label.class_id == class_id).group_by(Label.value))
    by_value = dict(rows.all())
    return Counts(by_value.get(ACCEPT, 0), by_value.get(REJECT, 0), by_value.get(UNSURE, 0))


def images_with(session: Session, *, class_id: int, value: str) -> list[int]:
    """Return the images on which a class has this verdict in force, the latest verdict last."""
    statement = select(Label.image_id).where(Label.class_id == class_id, Label.value == value)
    # Tens of thousands may come for every page; past the session, whose handling of rows takes longest of all.
    return list(session.connection().scalars(statement.order_by(Label.verdict_id)).all())


def labelled_otherwise(session: Session, *, pool_id: int, class_id: int) -> list[int]:
    """Return the images of a pool that are accepted for another class than this one."""
    others = select(LabelClass.id).where(LabelClass.pool_id == pool_id, LabelClass.id != class_id)
    statement = select(Label.image_id).where(Label.class_id.in_(others), Label.value == ACCEPT)
    return list(session.connection().scalars(statement).all())


def in_batches(ids: Collection[int]) -> Iterator[list[int]]:
    """Split ids into lists that fit into one statement."""
    ordered = list(ids)
    for start in range(0, len(ordered), PARAMETERS_AT_ONCE):
        yield ordered[start : start + PARAMETERS_AT_ONCE]
