"""What is decided for a class and a person, kept from page to page: a page reads what was stored since, not all labels.

What is kept is a copy of labels as a snapshot of the database had them, and the journal proves it: whatever changes a
label writes an entry for its pool in the same transaction, and no entry ever goes. So as many entries are the same
entries, and the labels are the same. Why so: docs/decisions/0022-a-million-verdicts.md.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Integer, Row, bindparam, func, select
from sqlalchemy.orm import Session

from app.phrases import among
from app.registry.row_maps import RowMap
from app.review.lease_queries import is_decided
from app.review.queries import ReviewLine
from app.tables import Commit, JournalEntry, Label, LabelClass, Verdict
from app.verdicts.queries import given_while_open
from app.words import ACCEPT, VERDICTS, VerdictValue

Rows = NDArray[np.int64]

# Entries get their numbers in one order, and transactions that go on at once may end in another: so far back is looked.
OVERTAKEN = 64
# Where more entries are new than this, all labels are read as quickly.
MOST_NEW = 256
# So are those of more images than this, which a lot may have.
MOST_IMAGES = 10_000

_ENTRIES = select(func.count()).select_from(JournalEntry).where(JournalEntry.pool_id == bindparam("pool"))
_LATEST = (
    select(JournalEntry.id, JournalEntry.commit_id)
    .where(JournalEntry.pool_id == bindparam("pool"))
    .order_by(JournalEntry.id.desc())
    .limit(bindparam("count", type_=Integer))
)
_IMAGES = (
    select(Verdict.image_id)
    .distinct()
    .where(Verdict.commit_id.in_(select(func.coalesce(Commit.undoes_id, Commit.id)).where(among(Commit.id, "commits"))))
)
_LABELS = select(Label.image_id, Label.class_id, Label.verdict_id, Label.value).where(among(Label.image_id, "images"))
_LABELS_OF = {one_class: _LABELS.where(is_decided(one_class)) for one_class in (True, False)}


@dataclass(frozen=True)
class Decided:
    """What keeps rows of an index version from somebody's review of a class, when the journal had so many entries."""

    entries: int
    latest: frozenset[int]  # of these entries, by id
    rows: Rows  # (m,) with a verdict in force for the class, the latest verdict last
    verdicts: NDArray[np.int64]  # (m,) ascending
    values: NDArray[np.int8]  # (m,) places in VERDICTS
    elsewhere: Rows  # accepted for another class, where an image has but one; in no special order
    open: dict[int, tuple[int, str | None]]  # what the person gave, as `given_while_open` returns it

    def with_verdict(self, value: VerdictValue) -> Rows:
        """Return the rows that have this verdict in force, the latest verdict last."""
        found: Rows = self.rows[self.values == VERDICTS.index(value)]
        return found

    @property
    def waiting(self) -> dict[int, str | None]:
        """What `waiting_for_others` returns."""
        return {image_id: value for image_id, (_, value) in sorted(self.open.items(), key=lambda line: line[1][0])}


class DecidedRows:
    """The classes that were asked about last, each on an index version and for a person. Thread-safe.

    With 50,000 images decided and as many accepted for other classes, one takes about a megabyte.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[int, int, int], Decided] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, session: Session, *, review: ReviewLine, person_id: int, row_map: RowMap) -> Decided:
        """Return what is decided for a review's class and a person as this session's snapshot has it."""
        key = (review.index_version_id, review.class_id, person_id)
        with self._lock:
            kept = self._kept.get(key)
        entries = session.connection().execute(_ENTRIES, {"pool": review.pool_id}).scalar_one()
        if kept is not None and kept.entries == entries:
            return kept
        # Made outside the lock: whoever asks for another class meanwhile does not wait.
        made = kept and _brought_up_to_date(session, kept, entries, review, person_id, row_map)
        made = made or _read(session, entries, review, person_id, row_map)
        with self._lock:
            present = self._kept.get(key)
            # Whoever has an older snapshot may be done later.
            if present is None or present.entries < made.entries:
                self._kept[key] = made
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


def _read(session: Session, entries: int, review: ReviewLine, person_id: int, row_map: RowMap) -> Decided:
    own = select(Label.image_id, Label.class_id, Label.verdict_id, Label.value).where(
        Label.class_id == review.class_id, Label.value.in_(VERDICTS)
    )
    found = session.connection().execute(own).all()
    if review.one_class_per_image:
        others = select(LabelClass.id).where(LabelClass.pool_id == review.pool_id, LabelClass.id != review.class_id)
        accepted = select(Label.image_id, Label.class_id, Label.verdict_id, Label.value).where(
            Label.class_id.in_(others), Label.value == ACCEPT
        )
        found = [*found, *session.connection().execute(accepted)]
    latest = frozenset(entry_id for entry_id, _ in _latest(session, review, OVERTAKEN))
    waits = given_while_open(session, pool_id=review.pool_id, class_id=review.class_id, person_id=person_id)
    return Decided(entries, latest, *_arranged(found, review, row_map), waits)


def _brought_up_to_date(
    session: Session, kept: Decided, entries: int, review: ReviewLine, person_id: int, row_map: RowMap
) -> Decided | None:
    """Return what is decided now, or None where that does not follow from a few new entries.

    Another rule, or a merge of classes, changes labels without a commit. All acts without one are rare.
    """
    new = entries - kept.entries
    if not 0 < new <= MOST_NEW:
        return None
    latest = _latest(session, review, new + OVERTAKEN)
    fresh = [commit_id for entry_id, commit_id in latest if entry_id not in kept.latest]
    commits = [commit_id for commit_id in fresh if commit_id is not None]
    if not len(commits) == len(fresh) == new:
        return None
    images = _images_of(session, commits)
    if len(images) > MOST_IMAGES:
        return None
    rows, verdicts, values, elsewhere = _arranged(_labels_of(session, review, images), review, row_map)
    anew = np.zeros(len(row_map.image_ids), dtype=bool)
    anew[row_map.rows_held(images)] = True
    stays = ~anew[kept.rows]
    verdicts = np.concatenate([kept.verdicts[stays], verdicts])
    waits = given_while_open(
        session, pool_id=review.pool_id, class_id=review.class_id, person_id=person_id, image_ids=images
    )
    order = np.argsort(verdicts, kind="stable")  # nearly sorted already: an undo alone brings back earlier ones
    return Decided(
        entries,
        frozenset(entry_id for entry_id, _ in latest),
        np.concatenate([kept.rows[stays], rows])[order],
        verdicts[order],
        np.concatenate([kept.values[stays], values])[order],
        np.concatenate([kept.elsewhere[~anew[kept.elsewhere]], elsewhere]),
        {image_id: given for image_id, given in kept.open.items() if image_id not in images} | waits,
    )


def _latest(session: Session, review: ReviewLine, count: int) -> list[tuple[int, int | None]]:
    """Return the (id, commit) of the pool's last entries."""
    rows = session.connection().execute(_LATEST, {"pool": review.pool_id, "count": count})
    return [(entry_id, commit_id) for entry_id, commit_id in rows]


def _images_of(session: Session, commits: Collection[int]) -> set[int]:
    """Return the images that these commits gave verdicts, or took them back."""
    return set(session.connection().execute(_IMAGES, {"commits": commits}).scalars())


_Labels = Iterable[Row[int, int, int, str]]  # (image, class, verdict, value)


def _labels_of(session: Session, review: ReviewLine, images: Collection[int]) -> _Labels:
    """Return the labels of these images that count."""
    given = {"images": images, "pool": review.pool_id, "class_id": review.class_id}
    return session.connection().execute(_LABELS_OF[review.one_class_per_image], given)


def _arranged(
    labels: _Labels, review: ReviewLine, row_map: RowMap
) -> tuple[Rows, NDArray[np.int64], NDArray[np.int8], Rows]:
    """Return rows, verdicts and values, the latest verdict last, and the rows accepted for other classes.

    Images that came after the index version was built have no row.
    """
    places = {value: place for place, value in enumerate(VERDICTS)}
    table = np.array(
        [(image_id, class_id, verdict_id, places[value]) for image_id, class_id, verdict_id, value in labels],
        dtype=np.int64,
    ).reshape(-1, 4)
    table[:, 0] = row_map.rows_of(table[:, 0])
    table = table[table[:, 0] >= 0]
    own = table[:, 1] == review.class_id
    elsewhere = table[~own, 0]
    table = table[own]
    table = table[np.argsort(table[:, 2], kind="stable")]
    return table[:, 0], table[:, 2], table[:, 3].astype(np.int8), elsewhere
