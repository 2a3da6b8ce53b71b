"""Exports labels, or the whole journal of verdicts, as CSV streamed from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from app.db import Database
from app.history import record
from app.labels.rows import LabelRow, csv_lines
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
    Review,
    Verdict,
)
from app.words import VERDICTS, VerdictValue

ROWS_AT_ONCE = 1_000

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
    """Yield CSV lines; memory stays the same however many rows there are.

    `rows="labels"`: one row for each image and class, the verdict in force, and whether people differ about it.
    `rows="verdicts"`: every verdict ever given, also undone ones, which say so, in the order given. `groups` is
    what `stack_groups` returns.
    """
    found = session.execute(
        _statement(pool_id, filters, rows), execution_options={"yield_per": ROWS_AT_ONCE, "stream_results": True}
    )
    last = "disputed" if rows == "labels" else "undone"
    return csv_lines((_line(row, groups) for row in found), last_column=last)


def count_rows(session: Session, *, pool_id: int, filters: Filters, rows: Rows = "labels") -> int:
    """Count what `export_csv` yields from the same snapshot, the header aside."""
    wanted = _statement(pool_id, filters, rows).with_only_columns(Verdict.id).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(wanted)) or 0


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


def _line(row: Row[*tuple[Any, ...]], groups: Mapping[str, str] | None) -> LabelRow:
    image: str = row[0]
    cells = (*row, None if groups is None else groups.get(image, image))
    return LabelRow(*cells)


def _statement(pool_id: int, filters: Filters, rows: Rows) -> Select[*tuple[Any, ...]]:
    undo = aliased(Commit)
    final = final_classes(pool_id)
    statement: Select[*tuple[Any, ...]] = (
        select(
            Image.sha256,
            path_in_pool(Image.id, pool_id=pool_id),
            LabelClass.name,
            Verdict.value,
            Person.name,
            Commit.created_at,
            Commit.review_id,
            # What a lot's rest rests on is the sample: its first page.
            func.coalesce(
                Commit.page_id, select(func.min(Page.id)).where(Page.lot_id == Commit.lot_id).scalar_subquery()
            ),
            Encoder.name,
            Review.index_version_id,
            Verdict.score,
            Verdict.basis,
            Lot.bound,
            Label.disputed if rows == "labels" else exists().where(undo.undoes_id == Commit.id),
        )
        .select_from(Verdict)
        .join(Commit, Commit.id == Verdict.commit_id)
        .join(Image, Image.id == Verdict.image_id)
        .join(final, final.c.id == Verdict.class_id)
        .join(LabelClass, LabelClass.id == final.c.final_id)
        .join(Person, Person.id == Commit.person_id)
        .outerjoin(Lot, Lot.id == Commit.lot_id)
        .outerjoin(Review, Review.id == Commit.review_id)
        .outerjoin(IndexVersion, IndexVersion.id == Review.index_version_id)
        .outerjoin(Encoder, Encoder.id == IndexVersion.encoder_id)
        .where(LabelClass.pool_id == pool_id)
        .order_by(Verdict.id)
    )
    if rows == "labels":
        # While the rule wants more verdicts on an image, what there is of them is no label yet.
        statement = statement.join(Label, Label.verdict_id == Verdict.id).where(Label.value.in_(filters.verdicts))
    else:
        statement = statement.where(Verdict.value.in_(filters.verdicts))
    if filters.class_id is not None:
        statement = statement.where(LabelClass.id == filters.class_id)
    if filters.person is not None:
        statement = statement.where(Person.name == filters.person)
    if filters.since is not None:
        statement = statement.where(Commit.created_at >= filters.since)
    if filters.until is not None:
        statement = statement.where(Commit.created_at < filters.until)
    return statement
