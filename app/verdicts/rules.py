"""The rule of a pool in the database, and what changing it does to the labels. Nothing here commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    MetaData,
    Row,
    Select,
    Table,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.history import record
from app.phrases import among, insert_rows
from app.pools.merged import counted_as
from app.tables import Commit, Label, LabelClass, Pool, Verdict
from app.verdicts.queries import STANDS, counts_by_class, disputed_labels, standing_verdicts
from app.verdicts.rule import PoolRule, in_force
from app.words import ACCEPT, OPEN, REJECT, SETTLEMENT, UNSURE, Rule

# So many images are judged anew at once: a pool's verdicts are never in memory together.
IMAGES_AT_ONCE = 5_000

# Of one transaction; if it fails, it goes with it.
_CONTESTED = Table("contested", MetaData(), Column("image_id", BigInteger, primary_key=True), prefixes=["TEMPORARY"])


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


# Of a pool, whose id is the parameter `pool`.
RULE = select(Pool.rule, Pool.majority_of, Pool.classes_per_image).where(Pool.id == bindparam("pool"))
_LABELS = (
    select(Label.class_id, Label.image_id, Label.verdict_id, Label.value, Label.disputed)
    .join(LabelClass, LabelClass.id == Label.class_id)
    .where(LabelClass.pool_id == bindparam("pool"), among(Label.image_id, "images"))
)


def pool_rule(session: Session, *, pool_id: int) -> PoolRule:
    """Return the rule of a pool."""
    return rule_of(session.connection().execute(RULE, {"pool": pool_id}).one())


def rule_of(row: Row[Any, Any, Any]) -> PoolRule:
    """Return what a row of `RULE` says."""
    rule, majority_of, classes_per_image = row
    return PoolRule(rule, majority_of, classes_per_image == "one")


def change_rule(session: Session, *, pool_id: int, rule: Rule, majority_of: int | None, person_id: int) -> Recounted:
    """Give a pool this rule and make its labels anew from the verdicts that stand.

    Whoever stores verdicts meanwhile waits. Only labels that become others are written; the same rule once more
    changes none.
    """
    # Alone with the pool: with its row held nobody makes labels, so no image needs to be held by itself.
    session.execute(select(Pool.id).where(Pool.id == pool_id).with_for_update())
    former = pool_rule(session, pool_id=pool_id)
    before = label_counts(session, pool_id=pool_id)
    session.execute(update(Pool).where(Pool.id == pool_id).values(rule=rule, majority_of=majority_of))
    pool = former._replace(rule=rule, majority_of=majority_of)
    changed = 0
    with _set_down(session, _contested(session, pool, pool_id=pool_id)) as contested:
        if former.wants_several != pool.wants_several:
            changed += _others_anew(session, pool, pool_id=pool_id, contested=contested)
        images = list(session.connection().scalars(contested.order_by(_CONTESTED.c.image_id)))
    changed += labels_anew(session, pool, pool_id=pool_id, image_ids=images)
    after = label_counts(session, pool_id=pool_id)
    details = {
        "from": {"rule": former.rule, "majority_of": former.majority_of},
        "to": {"rule": rule, "majority_of": majority_of},
        "before": asdict(before),
        "after": asdict(after),
    }
    record(session, "rule", person_id=person_id, pool_id=pool_id, details=details)
    return Recounted(before, after, changed)


def labels_anew(session: Session, pool: PoolRule, *, pool_id: int, image_ids: Collection[int]) -> int:
    """Make the labels of some images anew from the verdicts that stand, and return on how many they became others.

    Only labels that become others are written: an image has labels of many classes, and of a page's verdicts next to
    none of those changes.
    """
    images = list(image_ids)
    parts = (images[first : first + IMAGES_AT_ONCE] for first in range(0, len(images), IMAGES_AT_ONCE))
    return sum(_some_labels_anew(session, pool, pool_id=pool_id, image_ids=part) for part in parts)


def _some_labels_anew(session: Session, pool: PoolRule, *, pool_id: int, image_ids: list[int]) -> int:
    connection = session.connection()  # past the session, whose handling of rows takes longest of all
    there = {
        (class_id, image_id): (verdict_id, value, bool(disputed))
        for class_id, image_id, verdict_id, value, disputed in connection.execute(
            _LABELS, {"pool": pool_id, "images": image_ids}
        ).all()
    }
    held = in_force(standing_verdicts(session, pool_id=pool_id, image_ids=image_ids), pool)
    wanted = {key: (label.verdict.id, label.value, label.disputed) for key, label in held.items()}
    gone: dict[int, list[int]] = defaultdict(list)
    for (class_id, image_id), label in there.items():
        if wanted.get((class_id, image_id)) != label:
            gone[class_id].append(image_id)
    for class_id, gone_from in gone.items():
        connection.execute(delete(Label).where(Label.class_id == class_id, among(Label.image_id, gone_from)))
    fresh = [
        {"class_id": class_id, "image_id": image_id, "verdict_id": verdict_id, "value": value, "disputed": disputed}
        for (class_id, image_id), (verdict_id, value, disputed) in wanted.items()
        if there.get((class_id, image_id)) != (verdict_id, value, disputed)
    ]
    insert_rows(connection, Label, fresh)
    return len({label["image_id"] for label in fresh}.union(*gone.values()))


def label_counts(session: Session, *, pool_id: int) -> LabelCounts:
    """Count the labels of a pool."""
    by_class = counts_by_class(session, pool_id=pool_id).values()
    accepted, rejected, unsure, waiting = (
        sum(counts.get(value, 0) for counts in by_class) for value in (ACCEPT, REJECT, UNSURE, OPEN)
    )
    disputed = disputed_labels(session, pool_id=pool_id)
    return LabelCounts(accepted, rejected, unsure, waiting, disputed)


def _contested(session: Session, pool: PoolRule, *, pool_id: int) -> Select[int]:
    """Select the images of whose labels it is the rule that says which they are.

    They are those that several people judged for one class, that were settled, or, with one class per image, accepted
    for several. Of the others, by far the most, each label is its class's latest verdict, or open.
    """
    merged = counted_as(session, pool_id=pool_id)
    class_id = case(merged, value=Verdict.class_id, else_=Verdict.class_id) if merged else Verdict.class_id
    judged = (
        select(
            Verdict.image_id,
            case((func.min(Commit.person_id) != func.max(Commit.person_id), 1), else_=0).label("several"),
            func.max(case((Commit.kind == SETTLEMENT, 1), else_=0)).label("settled"),
            func.max(case((Verdict.value == ACCEPT, 1), else_=0)).label("accepted"),
        )
        .join(Commit, Commit.id == Verdict.commit_id)
        .where(Commit.pool_id == pool_id, STANDS)
        .group_by(Verdict.image_id, class_id)
        .subquery()
    )
    several_classes = func.sum(judged.c.accepted) > 1 if pool.one_class_per_image else false()
    return (
        select(judged.c.image_id)
        .group_by(judged.c.image_id)
        .having(or_(func.max(judged.c.several) > 0, func.max(judged.c.settled) > 0, several_classes))
    )


@contextmanager
def _set_down(session: Session, found: Select[int]) -> Iterator[Select[int]]:
    """Yield a selection of the same images that does not look for them again, which takes seconds."""
    connection = session.connection()
    _CONTESTED.create(connection)
    connection.execute(insert(_CONTESTED).from_select(["image_id"], found))
    yield select(_CONTESTED.c.image_id)
    _CONTESTED.drop(connection)


def _others_anew(session: Session, pool: PoolRule, *, pool_id: int, contested: Select[int]) -> int:
    """Open the labels of all images that are not contested, or give them their verdict's value; count the images."""
    classes = select(LabelClass.id).where(LabelClass.pool_id == pool_id)
    others = (
        Label.class_id.in_(classes),
        Label.value != OPEN if pool.wants_several else Label.value == OPEN,
        Label.image_id.not_in(contested),
    )
    own = select(Verdict.value).where(Verdict.id == Label.verdict_id).scalar_subquery()
    images = session.scalars(select(func.count(Label.image_id.distinct())).where(*others)).one()
    value = literal(OPEN) if pool.wants_several else own
    session.connection().execute(update(Label).where(*others).values(value=value))
    return images
