"""The journal as it is read: what somebody did, newest first, with what became of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.identity.people import Asking
from app.names import name_key
from app.phrases import among
from app.tables import Commit, JournalEntry, LabelClass, Member, Page, Person, Pool, Verdict
from app.verdicts.queries import Counts
from app.words import ACCEPT, LOG_IN_ACTS, REJECT, UNSURE

ENTRIES_AT_ONCE = 1_000

Conditions = list[ColumnElement[bool]]


@dataclass(frozen=True)
class Filters:
    """Which entries are read; None means all."""

    pools: Collection[int] | None = None  # of pools, and when their members logged in and out
    person: str | None = None  # a person's name
    classes: Collection[int] | None = None
    acts: Collection[str] | None = None
    since: datetime | None = None
    until: datetime | None = None  # exclusive
    image_id: int | None = None  # entries that gave it a verdict, or took one back


@dataclass(frozen=True)
class CommitLine:
    """What an entry stored; of an undo, what it took back."""

    id: int
    kind: str
    author: str
    review_id: int | None
    page_id: int | None
    page_number: int | None
    lot_id: int | None
    counts: Counts
    undone_by: str | None
    undone_at: datetime | None


@dataclass(frozen=True)
class Entry:
    """One act."""

    id: int
    at: datetime
    act: str
    person: str | None  # None is the command line
    pool: str | None
    class_name: str | None
    job_id: int | None
    details: dict[str, Any]
    commit: CommitLine | None
    merged_into_id: int | None  # where its class's verdicts count now, if not for itself

    @property
    def merge_stands(self) -> bool:
        """Whether it merged a class that is still merged so."""
        return self.act == "merge" and self.merged_into_id == self.details.get("into_id")

    @property
    def can_be_undone(self) -> bool:
        """Whether it stored verdicts that still stand."""
        return self.commit is not None and self.act != "undo" and self.commit.undone_at is None


def readable_pools(session: Session, asking: Asking) -> list[int] | None:
    """Return the pools of which somebody who asks about all of them may read the journal.

    None is all pools, and all that belongs to none, such as people and their passwords: that is for admins.
    """
    if asking.admin:
        return None
    if asking.everywhere is not None:
        return list(session.scalars(select(Pool.id)))
    return [pool_id for pool_id, role in asking.roles.items() if role == "engineer"]


def entries(session: Session, *, filters: Filters, limit: int, before: int | None = None) -> list[Entry]:
    """Return entries, the latest first, from below the id `before` on."""
    found = (_ids(session, each, limit=limit, before=before) for each in _alternatives(filters))
    return _entries(session, sorted(chain.from_iterable(found), reverse=True)[:limit])


def all_entries(session: Session, *, filters: Filters) -> Iterator[Entry]:
    """Yield all entries, the latest first; memory stays the same however many there are."""
    found = (_all_of(session, each) for each in _alternatives(filters))
    yield from merge(*found, key=lambda entry: entry.id, reverse=True)


def count_entries(session: Session, *, filters: Filters) -> int:
    """Count what `all_entries` yields from the same snapshot."""
    counts = (select(func.count()).select_from(JournalEntry).where(*each) for each in _alternatives(filters))
    return sum(session.scalars(count).one() for count in counts)


def people(session: Session, *, pool_id: int | None) -> list[str]:
    """Return the names of the people who may be in a pool's journal, those who have gone as well; None is all pools."""
    found: ColumnElement[bool]
    if pool_id is None:
        found = exists().where(JournalEntry.person_id == Person.id)
    else:
        acted = select(JournalEntry.person_id).where(JournalEntry.pool_id == pool_id).distinct()
        found = or_(Person.id.in_(acted), Person.id.in_(_members([pool_id])))
    return list(session.scalars(select(Person.name).where(found).order_by(Person.name_key)))


def _all_of(session: Session, conditions: Conditions) -> Iterator[Entry]:
    before = None
    while ids := _ids(session, conditions, limit=ENTRIES_AT_ONCE, before=before):
        yield from _entries(session, ids)
        before = ids[-1]


def _ids(session: Session, conditions: Conditions, *, limit: int, before: int | None) -> Sequence[int]:
    wanted = select(JournalEntry.id).where(*conditions).order_by(JournalEntry.id.desc()).limit(limit)
    return session.scalars(wanted if before is None else wanted.where(JournalEntry.id < before)).all()


def _entries(session: Session, ids: Collection[int]) -> list[Entry]:
    rows = session.execute(
        select(
            JournalEntry.id,
            JournalEntry.at,
            JournalEntry.act,
            Person.name,
            Pool.name,
            LabelClass.name,
            JournalEntry.job_id,
            JournalEntry.details,
            JournalEntry.commit_id,
            LabelClass.merged_into_id,
        )
        .outerjoin(Person, Person.id == JournalEntry.person_id)
        .outerjoin(Pool, Pool.id == JournalEntry.pool_id)
        .outerjoin(LabelClass, LabelClass.id == JournalEntry.class_id)
        .where(among(JournalEntry.id, ids))
        .order_by(JournalEntry.id.desc())
    ).all()
    commits = _commits(session, [row.commit_id for row in rows if row.commit_id is not None])
    return [
        Entry(id, at, act, person, pool, class_name, job_id, details or {}, commits.get(commit_id), merged_into)
        for id, at, act, person, pool, class_name, job_id, details, commit_id, merged_into in rows
    ]


def _members(pools: Collection[int]) -> Select[int]:
    return select(Member.person_id).where(Member.pool_id.in_(pools))


def _alternatives(filters: Filters) -> list[Conditions]:
    """Return alternatives of which an entry meets one at most: it is of a pool, or a log-in of a member.

    Each is asked for by itself, along an index: for both by one “or”, all entries of the pool would be sorted.
    """
    chosen = _chosen(filters)
    if filters.pools is None:
        return [chosen]
    found = []
    acts = set(filters.acts or LOG_IN_ACTS)
    if filters.acts is None or acts.difference(LOG_IN_ACTS):
        found.append([JournalEntry.pool_id.in_(filters.pools), *chosen])
    if filters.classes is None and filters.image_id is None and acts.intersection(LOG_IN_ACTS):
        by_member = JournalEntry.person_id.in_(_members(filters.pools))
        found.append([JournalEntry.pool_id.is_(None), JournalEntry.act.in_(LOG_IN_ACTS), by_member, *chosen])
    return found


def _chosen(filters: Filters) -> Conditions:
    conditions: Conditions = []
    if filters.person is not None:
        key = name_key(filters.person)
        conditions.append(JournalEntry.person_id == select(Person.id).where(Person.name_key == key).scalar_subquery())
    if filters.classes is not None:
        conditions.append(JournalEntry.class_id.in_(filters.classes))
    if filters.acts is not None:
        conditions.append(JournalEntry.act.in_(filters.acts))
    if filters.since is not None:
        conditions.append(JournalEntry.at >= filters.since)
    if filters.until is not None:
        conditions.append(JournalEntry.at < filters.until)
    if filters.image_id is not None:
        given = select(Verdict.commit_id).where(Verdict.image_id == filters.image_id)
        undoes = select(Commit.id).where(Commit.undoes_id.in_(given))
        conditions.append(or_(JournalEntry.commit_id.in_(given), JournalEntry.commit_id.in_(undoes)))
    return conditions


def _commits(session: Session, ids: Collection[int]) -> dict[int, CommitLine]:
    """Return what the commits with these ids stored; for an undo, what it took back."""
    own, undo, undoer, author = aliased(Commit), aliased(Commit), aliased(Person), aliased(Person)
    rows = session.execute(
        select(
            own.id,
            Commit.id,
            Commit.kind,
            author.name,
            Commit.review_id,
            Commit.page_id,
            Page.number,
            Commit.lot_id,
            undoer.name,
            undo.created_at,
        )
        .select_from(own)
        .join(Commit, Commit.id == func.coalesce(own.undoes_id, own.id))
        .join(author, author.id == Commit.person_id)
        .outerjoin(Page, Page.id == Commit.page_id)
        .outerjoin(undo, undo.undoes_id == Commit.id)
        .outerjoin(undoer, undoer.id == undo.person_id)
        .where(among(own.id, ids))
    ).all()
    counts = _counts(session, {row[1] for row in rows})
    return {
        own_id: CommitLine(id, kind, by, review, page, number, lot, counts.get(id, Counts()), undone_by, undone_at)
        for own_id, id, kind, by, review, page, number, lot, undone_by, undone_at in rows
    }


def _counts(session: Session, ids: Collection[int]) -> dict[int, Counts]:
    by_commit: dict[int, dict[str, int]] = {}
    rows = session.execute(
        select(Verdict.commit_id, Verdict.value, func.count())
        .where(among(Verdict.commit_id, ids))
        .group_by(Verdict.commit_id, Verdict.value)
    )
    for commit_id, value, count in rows:
        by_commit.setdefault(commit_id, {})[value] = count
    return {
        commit_id: Counts(values.get(ACCEPT, 0), values.get(REJECT, 0), values.get(UNSURE, 0))
        for commit_id, values in by_commit.items()
    }
