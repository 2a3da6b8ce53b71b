"""Merges one class into another and takes that back. Verdicts stay as they were given; labels are made anew."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from app.errors import Conflict, Invalid
from app.history import record
from app.pools.merged import counting_for, final_class_id
from app.pools.queries import ClassLine, class_by_id, class_named, class_of_its_own, merged_class
from app.tables import Commit, Label, LabelClass, Pool, Verdict
from app.verdicts.queries import Counts, class_counts
from app.verdicts.rules import labels_anew, pool_rule


class MergedIntoItself(Invalid):
    """A class cannot be merged into itself, nor into one that was merged into it."""


class NotMerged(Conflict):
    """This class is not merged into another one."""


@dataclass(frozen=True)
class MergeAhead:
    """What a merge would bring together."""

    class_name: str
    into: str
    counts: Counts  # of the class that would go
    into_counts: Counts
    both: int  # images on which both have a verdict: the pool's rule decides


def look_ahead(session: Session, *, pool_id: int, name: str, into: str) -> MergeAhead:
    """Tell what a merge would bring together. Raises ClassNotFound, ClassMerged and MergedIntoItself."""
    going, staying = _two_classes(session, pool_id=pool_id, name=name, into=into)
    other = aliased(Label)
    both = (
        select(func.count())
        .select_from(Label)
        .join(other, other.image_id == Label.image_id)
        .where(Label.class_id == going.id, other.class_id == staying.id)
    )
    return MergeAhead(
        going.name,
        staying.name,
        class_counts(session, class_id=going.id),
        class_counts(session, class_id=staying.id),
        session.scalars(both).one(),
    )


def merge(session: Session, *, pool_id: int, name: str, into: str, person_id: int) -> ClassLine:
    """Let a class's verdicts count for another class from now on, and return that one.

    Raises ClassNotFound, ClassMerged if it was merged before, and MergedIntoItself.
    """
    _alone(session, pool_id=pool_id)
    going, staying = _two_classes(session, pool_id=pool_id, name=name, into=into)
    _point(session, going.id, staying.id)
    images = _labels_anew(session, pool_id=pool_id, class_id=going.id)
    record(
        session,
        "merge",
        person_id=person_id,
        pool_id=pool_id,
        class_id=going.id,
        details={"class": going.name, "into": staying.name, "into_id": staying.id, "images": images},
    )
    return staying


def unmerge(session: Session, *, pool_id: int, name: str, person_id: int) -> ClassLine:
    """Let a class that was merged have its own verdicts again, and return it.

    What was stored since the merge, also by reviews that had begun for this class, stays with the class that it was
    stored for. Raises ClassNotFound and NotMerged.
    """
    _alone(session, pool_id=pool_id)
    coming = merged_class(session, pool_id=pool_id, name=name)
    if coming is None:
        raise NotMerged
    out_of = class_by_id(session, final_class_id(session, coming.id))
    _point(session, coming.id, None)
    images = _labels_anew(session, pool_id=pool_id, class_id=coming.id)
    record(
        session,
        "unmerge",
        person_id=person_id,
        pool_id=pool_id,
        class_id=coming.id,
        details={"class": coming.name, "into": out_of.name, "into_id": out_of.id, "images": images},
    )
    return coming


def merged_into(session: Session, *, class_id: int) -> list[str]:
    """Return the names of the classes that were merged into this one itself, by name."""
    found = select(LabelClass.name).where(LabelClass.merged_into_id == class_id).order_by(LabelClass.name_key)
    return list(session.scalars(found))


def _two_classes(session: Session, *, pool_id: int, name: str, into: str) -> tuple[ClassLine, ClassLine]:
    going = class_of_its_own(session, pool_id=pool_id, name=name)
    # What was merged into `going` leads back to it, so that no circle can be made.
    staying = class_named(session, pool_id=pool_id, name=into)
    if staying.id == going.id:
        raise MergedIntoItself
    return going, staying


def _alone(session: Session, *, pool_id: int) -> None:
    """Let nobody store verdicts in the pool, or merge its classes, until this transaction ends."""
    session.execute(select(Pool.id).where(Pool.id == pool_id).with_for_update()).one()


def _point(session: Session, class_id: int, into_id: int | None) -> None:
    session.execute(update(LabelClass).where(LabelClass.id == class_id).values(merged_into_id=into_id))


def _labels_anew(session: Session, *, pool_id: int, class_id: int) -> int:
    """Make the labels of all images with a verdict for a class anew, and count these images.

    Callers are alone with the pool, so no image need be held by itself.
    """
    given = (
        select(Verdict.image_id)
        .distinct()
        .join(Commit, Commit.id == Verdict.commit_id)
        .where(Commit.class_id.in_(counting_for(session, class_id)))
        .order_by(Verdict.image_id)
    )
    images = list(session.scalars(given))
    labels_anew(session, pool_rule(session, pool_id=pool_id), pool_id=pool_id, image_ids=images)
    return len(images)
