"""Exports labels, or the whole journal of verdicts, as CSV streamed from one snapshot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, CursorResult, Select, exists, false, func, select
from sqlalchemy.orm import Session, aliased

from app.db import Database
from app.history import record
from app.labels.rows import LabelRow, csv_blocks, written
from app.pools.held import path_in_pool
from app.pools.merged import final_classes
from app.tables import (
    Commit,
    Encoder,
    Image,
    IndexVersion,
    Label,
    LabelClass,
    Lot,
    Page,
    Person,
    Verdict,
)
from app.words import VERDICTS, VerdictValue

# Few enough that reading goes on while the next ones are looked up.
ROWS_AT_ONCE = 2_000

Rows = Literal["labels", "verdicts"]


@dataclass(frozen=True)
class Filters:
    """Which rows are exported; None means all."""

    class_id: int | None = None
    person: str | None = None  # a person's name
    since: datetime | None = None
    until: datetime | None = None  # exclusive
    verdicts: tuple[VerdictValue, ...] = VERDICTS


def export_csv(
    session: Session, *, pool_id: int, filters: Filters, groups: Mapping[str, str] | None, rows: Rows = "labels"
) -> Iterator[str]:
    """Yield CSV, many lines at once; memory stays the same however many rows there are.

    `rows="labels"`: one row for each image and class, the verdict in force, and whether people differ about it.
    `rows="verdicts"`: every verdict ever given, also undone ones, which say so, in the order given. `groups` is
    what `stack_groups` returns.
    """
    # Past the session, whose handling of rows takes longer than all the rest.
    connection = session.connection()
    found = connection.execute(
        _statement(pool_id, filters, rows), execution_options={"yield_per": ROWS_AT_ONCE, "stream_results": True}
    )
    classes = select(LabelClass.id, LabelClass.name).where(LabelClass.pool_id == pool_id)
    names = dict(connection.execute(classes).all())
    last = "disputed" if rows == "labels" else "undone"
    return csv_blocks(_blocks(connection, found, names, groups), last_column=last)


def count_rows(session: Session, *, pool_id: int, filters: Filters, rows: Rows = "labels") -> int:
    """Count what `export_csv` yields from the same snapshot, the header aside."""
    wanted = _statement(pool_id, filters, rows).with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(wanted.order_by(None)) or 0


def record_export(
    database: Database, *, pool_id: int, person_id: int | None, filters: Filters, rows: Rows, count: int
) -> None:
    """Write an export into the journal, in a transaction of its own: the export itself only reads."""
    with database.write() as session:
        record(
            session,
            "export",
            person_id=person_id,
            pool_id=pool_id,
            class_id=filters.class_id,
            details={"rows": rows, "count": count, **_told(filters)},
        )


def _told(filters: Filters) -> dict[str, Any]:
    chosen = {name: value for name, value in asdict(filters).items() if value is not None and name != "class_id"}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in chosen.items()}


class _Entry(NamedTuple):
    """What all verdicts of a commit have in common."""

    who: str
    when: str
    review: int | None
    page: int | None
    encoder: str | None
    index_version: int | None
    bound: float | None
    undone: bool


def _blocks(
    connection: Connection,
    found: CursorResult[*tuple[Any, ...]],
    classes: Mapping[int, str],
    groups: Mapping[str, str] | None,
) -> Iterator[list[LabelRow]]:
    # The rows of a commit follow one another, so what they share is looked up once for all of them.
    entries: dict[int, _Entry] = {}
    for rows in found.partitions():
        commits = {row[0] for row in rows}
        entries = {commit: entry for commit, entry in entries.items() if commit in commits}
        entries |= _entries(connection, commits - entries.keys())
        yield [
            LabelRow(
                image,
                path,
                classes[class_id],
                value,
                *(entry := entries[commit])[:-2],
                score,
                basis,
                entry.bound,
                None if groups is None else groups.get(image, image),
                # Of labels, which rest on verdicts that stand, the one; of verdicts the other.
                disputed or entry.undone,
            )
            for commit, image, path, class_id, value, score, basis, disputed in rows
        ]


def _entries(connection: Connection, commits: Collection[int]) -> dict[int, _Entry]:
    undo = aliased(Commit)
    statement = (
        select(
            Commit.id,
            Person.name,
            Commit.created_at,
            Commit.review_id,
            # What a lot's rest rests on is the sample: its first page.
            func.coalesce(
                Commit.page_id, select(func.min(Page.id)).where(Page.lot_id == Commit.lot_id).scalar_subquery()
            ),
            Encoder.name,
            Commit.index_version_id,
            Lot.bound,
            exists().where(undo.undoes_id == Commit.id),
        )
        .join(Person, Person.id == Commit.person_id)
        .outerjoin(Lot, Lot.id == Commit.lot_id)
        .outerjoin(IndexVersion, IndexVersion.id == Commit.index_version_id)
        .outerjoin(Encoder, Encoder.id == IndexVersion.encoder_id)
        .where(Commit.id.in_(commits))
    )
    rows = connection.execute(statement).all()
    return {row[0]: _Entry(row[1], written(row[2]), *row[3:]) for row in rows}


def _statement(pool_id: int, filters: Filters, rows: Rows) -> Select[*tuple[Any, ...]]:
    final = final_classes(pool_id)
    statement: Select[*tuple[Any, ...]] = (
        select(
            Verdict.commit_id,
            Image.sha256,
            path_in_pool(Image.id, pool_id=pool_id),
            final.c.final_id,
            Verdict.value,
            Verdict.score,
            Verdict.basis,
            Label.disputed if rows == "labels" else false(),
        )
        .select_from(Verdict)
        .join(Commit, Commit.id == Verdict.commit_id)
        .join(Image, Image.id == Verdict.image_id)
        .join(final, final.c.id == Verdict.class_id)
        .join(Person, Person.id == Commit.person_id)
        .order_by(Verdict.id)
    )
    if rows == "labels":
        # While the rule wants more verdicts on an image, what there is of them is no label yet.
        statement = statement.join(Label, Label.verdict_id == Verdict.id).where(Label.value.in_(filters.verdicts))
    else:
        statement = statement.where(Verdict.value.in_(filters.verdicts))
    if filters.class_id is not None:
        statement = statement.where(final.c.final_id == filters.class_id)
    if filters.person is not None:
        statement = statement.where(Person.name == filters.person)
    if filters.since is not None:
        statement = statement.where(Commit.created_at >= filters.since)
    if filters.until is not None:
        statement = statement.where(Commit.created_at < filters.until)
    return statement
