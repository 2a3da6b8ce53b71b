"""The rule of a pool in the database, and what changing it does to the labels. Nothing here commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.history import record
from app.tables import Label, LabelClass, Pool, PoolImage, Verdict
from app.verdicts.queries import counts_by_class, disputed_labels, in_batches, standing_where
from app.verdicts.rule import PoolRule, in_force
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
        labels_anew(session, pool, pool_id=pool_id, images=_between(first, last))
        for first, last in _ranges(session, pool_id)
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


def labels_anew(
    session: Session, pool: PoolRule, *, pool_id: int, images: Callable[[SQLColumnExpression[int]], ColumnElement[bool]]
) -> int:
    """Make the labels of some images anew from the verdicts that stand, and return on how many they became others.

    `images` is the condition on a column of image ids. Only labels that become others are written: an image has labels
    of many classes, and of a page's verdicts next to none of those changes.
    """
    connection = session.connection()  # past the session, whose handling of rows takes longest of all
    there = {
        (class_id, image_id): (verdict_id, value, bool(disputed))
        for class_id, image_id, verdict_id, value, disputed in connection.execute(
            select(Label.class_id, Label.image_id, Label.verdict_id, Label.value, Label.disputed)
            .join(LabelClass, LabelClass.id == Label.class_id)
            .where(LabelClass.pool_id == pool_id, images(Label.image_id))
        )
    }
    held = in_force(standing_where(session, images(Verdict.image_id), pool_id=pool_id), pool)
    wanted = {key: (label.verdict.id, label.value, label.disputed) for key, label in held.items()}
    gone: dict[int, list[int]] = defaultdict(list)
    for (class_id, image_id), label in there.items():
        if wanted.get((class_id, image_id)) != label:
            gone[class_id].append(image_id)
    for class_id, image_ids in gone.items():
        for ids in in_batches(image_ids):
            connection.execute(delete(Label).where(Label.class_id == class_id, Label.image_id.in_(ids)))
    fresh = [
        {"class_id": class_id, "image_id": image_id, "verdict_id": verdict_id, "value": value, "disputed": disputed}
        for (class_id, image_id), (verdict_id, value, disputed) in wanted.items()
        if there.get((class_id, image_id)) != (verdict_id, value, disputed)
    ]
    if fresh:
        connection.execute(insert(Label), fresh)
    return len({label["image_id"] for label in fresh}.union(*gone.values()))


def label_counts(session: Session, *, pool_id: int, class_id: int | None = None) -> LabelCounts:
    """Count the labels of a pool, or of one class of it."""
    by_class = counts_by_class(session, pool_id=pool_id, class_id=class_id).values()
    accepted, rejected, unsure, waiting = (
        sum(counts.get(value, 0) for counts in by_class) for value in (ACCEPT, REJECT, UNSURE, OPEN)
    )
    disputed = disputed_labels(session, pool_id=pool_id, class_id=class_id)
    return LabelCounts(accepted, rejected, unsure, waiting, disputed)


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


def _between(first: int, last: int) -> Callable[[SQLColumnExpression[int]], ColumnElement[bool]]:
    return lambda image_id: and_(image_id > first, image_id <= last)
