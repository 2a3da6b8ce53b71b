"""What the journal says: commits that stand, verdicts in force, counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, exists, func, select, text
from sqlalchemy.orm import Session, aliased

from app.phrases import among, fixed
from app.pools.merged import counted_as, counting_for, final_classes
from app.tables import Commit, Label, LabelClass, Pool, Verdict
from app.verdicts.rule import Given
from app.words import ACCEPT, OPEN, REJECT, SETTLEMENT, UNSURE

_undo = aliased(Commit)
# The condition that nothing has undone a commit; undo entries themselves are no commits in this sense. It is made
# once: making an alias takes longer than most queries.
STANDS = and_(Commit.kind != fixed("undo"), ~exists().where(_undo.undoes_id == Commit.id))

# That people differ about a label and nobody has settled it. In these very words, by which SQLite knows the index that
# holds disputed labels alone; SQLAlchemy would write “disputed = 1”.
DISPUTED = text("label.disputed")


@dataclass(frozen=True)
class Counts:
    """How many images of a class are accepted, rejected and unsure now."""

    accepted: int = 0
    rejected: int = 0
    unsure: int = 0


@dataclass(frozen=True)
class ClassCounts(Counts):
    """What a class holds: also how many of its labels are open."""

    open: int = 0  # the rule wants more verdicts

    @classmethod
    def of(cls, by_value: Mapping[str, int]) -> ClassCounts:
        """Return the counts of labels by their value."""
        return cls(*(by_value.get(value, 0) for value in (ACCEPT, REJECT, UNSURE, OPEN)))


_STANDING = (
    select(
        Verdict.id,
        Verdict.image_id,
        Verdict.class_id,
        Verdict.value,
        Commit.person_id,
        Commit.kind == fixed(SETTLEMENT),
    )
    .join(Commit, Commit.id == Verdict.commit_id)
    .where(among(Verdict.image_id, "images"), Commit.pool_id == bindparam("pool"), STANDS)
)
_AN_OPEN_ONE = (
    select(Label.image_id)
    .where(
        Label.class_id.in_(select(LabelClass.id).where(LabelClass.pool_id == bindparam("pool"))),
        Label.value == fixed(OPEN),
    )
    .limit(1)
)
_COUNTS = select(Label.value, func.count()).where(Label.class_id == bindparam("class_id")).group_by(Label.value)


def standing_verdicts(session: Session, *, pool_id: int, image_ids: Collection[int]) -> list[Given]:
    """Return the verdicts of a pool on these images that have not been undone, in no special order.

    Those for a merged class are returned as for the class that they count for.
    """
    # Past the session, whose handling of rows takes longest of all.
    found = session.connection().execute(_STANDING, {"images": image_ids, "pool": pool_id}).all()
    merged = counted_as(session, pool_id=pool_id)
    return [
        Given(id, image_id, merged.get(class_id, class_id), value, person_id, settlement)
        for id, image_id, class_id, value, person_id, settlement in found
    ]


def class_counts(session: Session, *, class_id: int) -> ClassCounts:
    """Count a class's images by their verdict in force, and those whose label is open."""
    return ClassCounts.of(dict(session.connection().execute(_COUNTS, {"class_id": class_id}).all()))


def counts_by_class(session: Session, *, pool_id: int) -> dict[int, dict[str, int]]:
    """Count the labels of a pool's classes: {class id: {value: images}}."""
    classes = select(LabelClass.id).where(LabelClass.pool_id == pool_id)
    # By class and value, as an index has them: by value alone, a million rows would have to be sorted first.
    statement = (
        select(Label.class_id, Label.value, func.count())
        .where(Label.class_id.in_(classes))
        .group_by(Label.class_id, Label.value)
    )
    counts: dict[int, dict[str, int]] = {}
    for of_class, value, count in session.execute(statement):
        counts.setdefault(of_class, {})[value] = count
    return counts


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


def disputed_labels(session: Session, *, pool_id: int, class_id: int | None = None) -> int:
    """Count the disputed labels of a pool, or of one class of it."""
    classes = select(LabelClass.id).where(LabelClass.pool_id == pool_id)
    of = Label.class_id.in_(classes) if class_id is None else Label.class_id == class_id
    return session.scalars(select(func.count()).select_from(Label).where(DISPUTED, of)).one()


def waiting_for_others(session: Session, *, pool_id: int, class_id: int, person_id: int) -> dict[int, str | None]:
    """Return the images whose label for a class is open and which this person need not see again for it.

    With each stands the verdict that they gave, the latest last; or None for an image that they accepted for another
    class, whose label is open, in a pool with one class per image.
    """
    found = given_while_open(session, pool_id=pool_id, class_id=class_id, person_id=person_id)
    return {image_id: value for image_id, (_, value) in sorted(found.items(), key=lambda line: line[1][0])}


def given_while_open(
    session: Session, *, pool_id: int, class_id: int, person_id: int, image_ids: Collection[int] | None = None
) -> dict[int, tuple[int, str | None]]:
    """Return {image: (verdict id, value)} of what `waiting_for_others` tells, of these images or of all."""
    # Of the whole pool, whatever an image may have: nearly always there is none.
    if session.connection().execute(_AN_OPEN_ONE, {"pool": pool_id}).first() is None:
        return {}
    one = session.scalars(select(Pool.classes_per_image).where(Pool.id == pool_id)).one() == "one"
    final = final_classes(pool_id)
    # Neither a join nor “exists”, for which the databases may begin with the labels: under a majority a million of them
    # may be open, and next to none this person's.
    label = (
        select(Label.value)
        .where(Label.class_id == final.c.final_id, Label.image_id == Verdict.image_id)
        .correlate(final, Verdict)
        .scalar_subquery()
    )
    statement = (
        select(Verdict.id, Verdict.image_id, final.c.final_id, Verdict.value)
        .join(Commit, Commit.id == Verdict.commit_id)
        .join(final, final.c.id == Verdict.class_id)
        .where(
            Commit.pool_id == pool_id, Commit.person_id == person_id, Commit.kind != SETTLEMENT, STANDS, label == OPEN
        )
        .order_by(Verdict.id)
    )
    if not one:
        statement = statement.where(final.c.final_id == class_id)
    if image_ids is not None:
        statement = statement.where(among(Verdict.image_id, image_ids))
    given: dict[int, tuple[int, str | None]] = {}
    elsewhere: dict[tuple[int, int], tuple[int, str]] = {}
    for verdict_id, image_id, of_class, value in session.connection().execute(statement).all():
        if of_class == class_id:
            given[image_id] = (verdict_id, value)
        else:
            elsewhere[image_id, of_class] = (verdict_id, value)
    for (image_id, _), (verdict_id, value) in elsewhere.items():
        if value == ACCEPT:
            given.setdefault(image_id, (verdict_id, None))
    return given


def accepted_by_others(session: Session, *, class_id: int, person_id: int) -> list[int]:
    """Return the images that others have accepted for a class and this person has not judged, in no special order.

    They carry the label, or it is open and somebody holds that they should.
    """
    of_class = Verdict.class_id.in_(counting_for(session, class_id))
    given = (
        select(Verdict.id)
        .join(Commit, Commit.id == Verdict.commit_id)
        .where(Verdict.image_id == Label.image_id, of_class, STANDS)
        .correlate(Label)
    )
    judged = given.where(Commit.person_id == person_id).exists()
    unjudged = and_(Label.class_id == class_id, ~judged)
    labelled = select(Label.image_id).where(unjudged, Label.value == ACCEPT)
    images = list(session.connection().scalars(labelled).all())
    open_ones = (
        select(Verdict.image_id, Commit.person_id, Verdict.value)
        .select_from(Label)
        .join(Verdict, and_(Verdict.image_id == Label.image_id, of_class))
        .join(Commit, Commit.id == Verdict.commit_id)
        .where(unjudged, Label.value == OPEN, Commit.kind != SETTLEMENT, STANDS)
        .order_by(Verdict.id)
    )
    own = {(image_id, who): value for image_id, who, value in session.connection().execute(open_ones)}
    return images + list({image_id for (image_id, _), value in own.items() if value == ACCEPT})
