"""The journal: every act that gives or takes back verdicts is one entry, and labels follow from the entries.

Callers hold one write transaction around each call; nothing here commits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.errors import Conflict, Forbidden, NotFound
from app.history import record
from app.phrases import among, insert_rows
from app.pools.errors import ClassNotFound
from app.pools.queries import class_named, create_class
from app.tables import Commit, Lot, Page, PoolImage, Verdict
from app.verdicts.queries import STANDS, standing_verdicts
from app.verdicts.rule import PoolRule
from app.verdicts.rules import RULE, labels_anew, rule_of
from app.words import ACCEPT, SEEN, Basis, CommitKind, VerdictValue

_HOLD_CLASSES = RULE.with_for_update(read=True, key_share=True)
_HOLD_IMAGES = (
    select(PoolImage.image_id)
    .where(PoolImage.pool_id == bindparam("pool"), among(PoolImage.image_id, "images"))
    .order_by(PoolImage.image_id)
    .with_for_update()
)


class CommitNotFound(NotFound):
    """There is no such commit."""


class NotYours(Forbidden):
    """Somebody else stored this: only they, a lead, an engineer or an admin can take it back."""


class AlreadyUndone(Conflict):
    """This commit has been undone already."""


class KeyUsedOtherwise(Conflict):
    """This key has been used for other verdicts."""


class LotDecided(Conflict):
    """The rest of this lot was accepted on the strength of this page: take that back first."""


class _Held(NamedTuple):
    rules: dict[int, PoolRule]  # by pool
    images: set[tuple[int, int]]  # (pool, image)


class NewVerdict(NamedTuple):
    """A verdict about to be stored."""

    image_id: int
    value: VerdictValue
    basis: Basis = SEEN
    score: float | None = None


def store(
    session: Session,
    *,
    kind: CommitKind,
    pool_id: int,
    class_id: int,
    person_id: int,
    verdicts: Sequence[NewVerdict],
    **details: Any,
) -> Commit:
    """Append one entry with its verdicts and bring the labels of its images up to date.

    `details` are further columns of Commit: review_id, page_id, lot_id, key, generation, body_digest, milliseconds, …
    """
    entry = Commit(kind=kind, pool_id=pool_id, class_id=class_id, person_id=person_id, **details)
    session.add(entry)
    session.flush()
    record(session, kind, person_id=person_id, pool_id=pool_id, class_id=class_id, commit_id=entry.id)
    common = {"commit_id": entry.id, "class_id": class_id}
    insert_rows(session.connection(), Verdict, [{**common, **verdict._asdict()} for verdict in verdicts])
    refresh_labels(session, pool_id=pool_id, image_ids=[verdict.image_id for verdict in verdicts])
    return entry


def undo(session: Session, *, commit_id: int, person_id: int, of_others: bool) -> Commit:
    """Take back a whole entry by a later one and return the entry that was undone.

    What others stored only with `of_others`. Labels become what the remaining verdicts amount to. Raises
    CommitNotFound, AlreadyUndone, NotYours and, for the page of a sample, LotDecided.
    """
    _lock_page_and_lot(session, commit_id=commit_id)
    undone = session.scalars(select(Commit).where(Commit.id == commit_id).with_for_update()).one_or_none()
    if undone is None or undone.kind == "undo":
        raise CommitNotFound
    if undone.page_id is not None:
        sampled = select(Page.lot_id).where(Page.id == undone.page_id).scalar_subquery()
        decided = select(Commit.id).where(Commit.lot_id == sampled, Commit.kind == "lot", STANDS)
        if session.scalars(decided).first() is not None:
            raise LotDecided
    if session.scalars(select(Commit.id).where(Commit.undoes_id == commit_id)).first() is not None:
        raise AlreadyUndone
    pool_id, class_id = undone.pool_id, undone.class_id
    if person_id != undone.person_id and not of_others:
        raise NotYours
    entry = Commit(
        kind="undo",
        pool_id=pool_id,
        class_id=class_id,
        person_id=person_id,
        review_id=undone.review_id,
        undoes_id=undone.id,
    )
    session.add(entry)
    session.flush()
    record(session, "undo", person_id=person_id, pool_id=pool_id, class_id=class_id, commit_id=entry.id)
    image_ids = list(session.scalars(select(Verdict.image_id).where(Verdict.commit_id == commit_id)))
    refresh_labels(session, pool_id=undone.pool_id, image_ids=image_ids)
    return undone


def _lock_page_and_lot(session: Session, *, commit_id: int) -> None:
    """Take turns with those who commit or undo the same page or lot, in their order."""
    row = session.execute(
        select(Commit.page_id, func.coalesce(Commit.lot_id, Page.lot_id))
        .outerjoin(Page, Page.id == Commit.page_id)
        .where(Commit.id == commit_id)
    ).one_or_none()
    page_id, lot_id = row or (None, None)
    if page_id is not None:
        session.execute(select(Page.id).where(Page.id == page_id).with_for_update())
    if lot_id is not None:
        session.execute(select(Lot.id).where(Lot.id == lot_id).with_for_update())


def store_import_labels(
    session: Session, *, pool_id: int, labelled: Mapping[str, Collection[int]], person_id: int
) -> None:
    """Accept images, by class name, for the classes that their files name, which are created if need be.

    Images on which the class has a verdict already are left as they are, so that an import may be repeated.
    """
    # At once: class by class, others who hold images of the next one would wait for those of this one.
    one_writer_at_a_time(session, pool_id=pool_id, image_ids=set().union(*labelled.values()))
    for class_name, image_ids in labelled.items():
        try:
            class_id = class_named(session, pool_id=pool_id, name=class_name).id
        except ClassNotFound:
            class_id = create_class(session, pool_id=pool_id, name=class_name, person_id=person_id).id
        # Not by the labels: in a pool with one class per image, what another class has displaced carries none.
        given = standing_verdicts(session, pool_id=pool_id, image_ids=image_ids)
        decided = {verdict.image_id for verdict in given if verdict.class_id == class_id}
        fresh = [NewVerdict(image_id, ACCEPT) for image_id in sorted(image_ids) if image_id not in decided]
        if fresh:
            store(session, kind="import", pool_id=pool_id, class_id=class_id, person_id=person_id, verdicts=fresh)


def refresh_labels(session: Session, *, pool_id: int, image_ids: Collection[int]) -> None:
    """Make the labels of these images anew from the verdicts that stand."""
    one_writer_at_a_time(session, pool_id=pool_id, image_ids=image_ids)
    labels_anew(session, hold_classes(session, pool_id=pool_id), pool_id=pool_id, image_ids=image_ids)


def hold_classes(session: Session, *, pool_id: int) -> PoolRule:
    """Let nobody merge classes or change the rule until this transaction ends: what is read of them from now on holds.

    Return the rule.

    They change what all labels are, so they wait for those who store, and those for them. Imports and reindexes, which
    hold the pool's row less tightly, make nobody wait.
    """
    rules = _held(session).rules
    if pool_id not in rules:
        rules[pool_id] = rule_of(session.connection().execute(_HOLD_CLASSES, {"pool": pool_id}).one())
    return rules[pool_id]


def one_writer_at_a_time(session: Session, *, pool_id: int, image_ids: Collection[int]) -> None:
    """Let nobody else change the labels of these images until this transaction ends."""
    hold_classes(session, pool_id=pool_id)
    held = _held(session).images
    wanted = [image_id for image_id in image_ids if (pool_id, image_id) not in held]
    if wanted:
        # Two people may commit the same image at once. The second waits here and then sees what the first one stored;
        # ordered, so that the two never wait for each other. (On SQLite the whole transaction is alone anyway.)
        session.connection().execute(_HOLD_IMAGES, {"pool": pool_id, "images": wanted}).all()
        held.update((pool_id, image_id) for image_id in wanted)


def _held(session: Session) -> _Held:
    """What a session holds already, and need not ask for again.

    It is one transaction, and holds what it holds to its end; but what it holds for a part that may be taken back alone
    is not to be remembered.
    """
    remembered: _Held = session.info.setdefault("held", _Held({}, set()))
    if session.in_nested_transaction():
        return _Held(dict(remembered.rules), set(remembered.images))
    return remembered
