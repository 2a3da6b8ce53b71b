"""The rule of a pool in the database, and what changing it does to the labels. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.history import record
from app.tables import Label, LabelClass, Pool, PoolImage, Verdict
from app.verdicts.queries import in_batches, standing_where
from app.verdicts.rule import InForce, PoolRule, in_force
from app.words import ACCEPT, OPEN, REJECT, UNSURE, Rule

# So many images are judged anew at once: a pool's verdicts are never in memory together.
IMAGES_AT_ONCE = 5_000


@dataclass(frozen=True)
class LabelCounts:
    """How many labels a pool has, an image counting once for each class."""

    accepted: int
    rejected: int
    unsure: int
    open: int  # the rule wants more verdicts
    disputed: int  # of all these


@dataclass(frozen=True)
class Recounted:
    """What another rule made of the same verdicts."""

    before: LabelCounts
    after: LabelCounts
    changed: int  # images of which something holds now that did not


def pool_rule(session: Session, *, pool_id: int) -> PoolRule:
    """Return the rule of a pool."""
    statement = select(Pool.rule, Pool.majority_of, Pool.classes_per_image).where(Pool.id == pool_id)
    row = session.execute(statement).one()
    return PoolRule(row.rule, row.majority_of, row.classes_per_image == "one")


def change_rule(session: Session, *, pool_id: int, rule: Rule, majority_of: int | None, person_id: int) -> Recounted:
    """Give a pool this rule and make all its labels anew from the verdicts that stand.

    Whoever stores verdicts meanwhile waits. Only labels that become others are written; the same rule once more
    changes none.
    """
    # Alone with the pool: with its row held nobody makes labels, so no image needs to be held by itself.
    session.execute(select(Pool.id).where(Pool.id == pool_id).with_for_update())
    former = pool_rule(session, pool_id=pool_id)
    before = label_counts(session, pool_id=pool_id)
    session.execute(update(Pool).where(Pool.id == pool_id).values(rule=rule, majority_of=majority_of))
    pool = former._replace(rule=rule, majority_of=majority_of)
    changed = sum(
        _relabel(session, pool, pool_id=pool_id, first=first, last=last) for first, last in _ranges(session, pool_id)
    )
    after = label_counts(session, pool_id=pool_id)
    details = {
        "from": {"rule": former.rule, "majority_of": former.majority_of},
        "to": {"rule": rule, "majority_of": majority_of},
        "before": asdict(before),
        "after": asdict(after),
    }
    record(session, "rule", person_id=person_id, pool_id=pool_id, details=details)
    return Recounted(before, after, changed)


def replace_labels(
    session: Session, *, pool_id: int, image_ids: Collection[int], held: Mapping[tuple[int, int], InForce]
) -> None:
    """Let these be the labels of these images, and no others."""
    classes = select(LabelClass.id).where(LabelClass.pool_id == pool_id)
    for ids in in_batches(image_ids):
        session.execute(delete(Label).where(Label.image_id.in_(ids), Label.class_id.in_(classes)))
    if held:
        # Past the session: of hundreds of thousands its handling of rows takes longest of all.
        session.connection().execute(
            insert(Label),
            [
                {
                    "class_id": class_id,
                    "image_id": image_id,
                    "verdict_id": label.verdict.id,
                    "value": label.value,
                    "disputed": label.disputed,
                }
                for (class_id, image_id), label in held.items()
            ],
        )


def label_counts(session: Session, *, pool_id: int, class_id: int | None = None) -> LabelCounts:
    """Count the labels of a pool, or of one class of it."""
    statement = (
        select(Label.value, func.count(), func.sum(case((Label.disputed, 1), else_=0)))
        .join(LabelClass, LabelClass.id == Label.class_id)
        .where(LabelClass.pool_id == pool_id)
        .group_by(Label.value)
    )
    if class_id is not None:
        statement = statement.where(Label.class_id == class_id)
    rows = session.execute(statement).all()
    by_value = {value: count for value, count, _ in rows}
    accepted, rejected, unsure, waiting = (by_value.get(value, 0) for value in (ACCEPT, REJECT, UNSURE, OPEN))
    return LabelCounts(accepted, rejected, unsure, waiting, sum(int(disputed) for _, _, disputed in rows))


def _ranges(session: Session, pool_id: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of image ids, from above the first number to the second, that hold a pool's images in turn."""
    numbered = (
        select(PoolImage.image_id, func.row_number().over(order_by=PoolImage.image_id).label("place"))
        .where(PoolImage.pool_id == pool_id)
        .subquery()
    )
    marks = session.scalars(
        select(numbered.c.image_id).where(numbered.c.place % IMAGES_AT_ONCE == 0).order_by(numbered.c.image_id)
    )
    last = session.scalar(select(func.max(PoolImage.image_id)).where(PoolImage.pool_id == pool_id)) or 0
    yield from pairwise([0, *marks, last])


def _relabel(session: Session, pool: PoolRule, *, pool_id: int, first: int, last: int) -> int:
    """Make the labels of a range of images anew and return on how many images they became others."""
    there = {
        (class_id, image_id): (verdict_id, value, disputed)
        for class_id, image_id, verdict_id, value, disputed in session.connection().execute(
            select(Label.class_id, Label.image_id, Label.verdict_id, Label.value, Label.disputed)
            .join(LabelClass, LabelClass.id == Label.class_id)
            .where(LabelClass.pool_id == pool_id, Label.image_id > first, Label.image_id <= last)
        )
    }
    of_range = (Verdict.image_id > first) & (Verdict.image_id <= last)
    held = in_force(standing_where(session, of_range, pool_id=pool_id), pool)
    wanted = {key: (label.verdict.id, label.value, label.disputed) for key, label in held.items()}
    changed = {image_id for _, image_id in dict(there.items() ^ wanted.items())}
    if changed:
        anew = {key: label for key, label in held.items() if key[1] in changed}
        replace_labels(session, pool_id=pool_id, image_ids=changed, held=anew)
    return len(changed)
