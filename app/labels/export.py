"""Exports labels, or the whole journal of verdicts, as CSV streamed from one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import chain
from typing import Any, Literal

from sqlalchemy import Connection, CursorResult, Select, bindparam, exists, func, literal_column, select
from sqlalchemy.orm import Session, aliased

from app.db import Database
from app.history import record
from app.labels.rows import CommitCells, ImageCells, VerdictRow, cells, header, image_cells, lines, written
from app.names import name_key
from app.pools.held import path_in_pool
from app.pools.merged import counted_as, final_classes
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
from app.words import ACCEPT, VERDICTS, VerdictValue

# Few enough that reading goes on while the next ones are looked up; some hundred kB of text.
ROWS_AT_ONCE = 2_000
# An image has verdicts for several classes; so many of them take some 40 MB.
IMAGES_KEPT = 100_000

Rows = Literal["labels", "verdicts"]


@dataclass(frozen=True)
class Filters:
    """Which rows are exported; None means all."""

    class_id: int | None = None
    person: str | None = None  # a person's name
    since: datetime | None = None
    until: datetime | None = None  # exclusive
    verdicts: tuple[VerdictValue, ...] = VERDICTS


def chosen_verdicts(asked: list[VerdictValue | Literal["any"]] | None, *, rows: Rows) -> tuple[VerdictValue, ...]:
    """Return which verdicts an export holds: a label is an accepted image, the journal holds all."""
    if asked is None:
        return (ACCEPT,) if rows == "labels" else VERDICTS
    return VERDICTS if "any" in asked else tuple(verdict for verdict in VERDICTS if verdict in asked)


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
    statement = _given(pool_id, filters, rows).order_by(Verdict.id)
    found = connection.execute(statement, execution_options={"stream_results": True, "max_row_buffer": ROWS_AT_ONCE})
    names = dict(session.execute(select(LabelClass.id, LabelClass.name).where(LabelClass.pool_id == pool_id)).all())
    final = counted_as(session, pool_id=pool_id)
    classes = {class_id: cells(names[final.get(class_id, class_id)]) for class_id in names}
    blocks = _blocks(connection, found, pool_id=pool_id, classes=classes, groups=groups)
    return chain([header("disputed" if rows == "labels" else "undone")], blocks)


def count_rows(session: Session, *, pool_id: int, filters: Filters, rows: Rows = "labels") -> int:
    """Count what `export_csv` yields from the same snapshot, the header aside."""
    wanted = _given(pool_id, filters, rows).with_only_columns(func.count(), maintain_column_froms=True)
    return session.scalar(wanted) or 0


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


def _blocks(
    connection: Connection,
    found: CursorResult[*VerdictRow],
    *,
    pool_id: int,
    classes: Mapping[int, str],
    groups: Mapping[str, str] | None,
) -> Iterator[str]:
    images: dict[int, ImageCells] = {}
    commits: dict[int, CommitCells] = {}
    images_by_id, commits_by_id = _images_by_id(pool_id), _commits_by_id()
    for rows in found.partitions(ROWS_AT_ONCE):
        # The rows of a commit follow one another, those of an image lie far apart.
        commit_ids = {row[0] for row in rows}
        commits = {commit: commits[commit] for commit in commit_ids & commits.keys()}
        commits |= _commits(connection.execute(commits_by_id, {"ids": list(commit_ids - commits.keys())}))
        if len(images) > IMAGES_KEPT:
            images = {}
        # Not the difference of two sets, for which all that are kept would be gone through.
        unknown = [image_id for image_id in {row[1] for row in rows} if image_id not in images]
        for image_id, image, path in connection.execute(images_by_id, {"ids": unknown}):
            images[image_id] = image_cells(image, path, groups)
        yield lines(rows, images=images, classes=classes, commits=commits)


def _images_by_id(pool_id: int) -> Select[int, str, str]:
    path = path_in_pool(Image.id, pool_id=pool_id)
    return select(Image.id, Image.sha256, path).where(Image.id.in_(bindparam("ids", expanding=True)))


def _commits_by_id() -> Select[*tuple[Any, ...]]:
    undo = aliased(Commit)
    return (
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
        .where(Commit.id.in_(bindparam("ids", expanding=True)))
    )


def _commits(found: CursorResult[*tuple[Any, ...]]) -> dict[int, CommitCells]:
    return {
        commit_id: CommitCells(
            cells(who, written(when), review, page, encoder, version), "" if bound is None else str(bound), undone
        )
        for commit_id, who, when, review, page, encoder, version, bound, undone in found.all()
    }


def _given(pool_id: int, filters: Filters, rows: Rows) -> Select[*VerdictRow]:
    """Select what is exported, in no special order. It goes through a million rows, so nothing is joined in vain."""
    final = final_classes(pool_id)
    classes = select(final.c.id)
    if filters.class_id is not None:
        classes = classes.where(final.c.final_id == filters.class_id)
    disputed = Label.disputed if rows == "labels" else literal_column("0")
    statement = select(
        Verdict.commit_id,
        Verdict.image_id,
        Verdict.class_id,
        Verdict.value,
        Verdict.score,
        Verdict.basis,
        disputed,
    ).where(Verdict.class_id.in_(classes))
    if rows == "labels":
        # While the rule wants more verdicts on an image, what there is of them is no label yet.
        statement = statement.join(Label, Label.verdict_id == Verdict.id).where(Label.value.in_(filters.verdicts))
    elif filters.verdicts != VERDICTS:
        statement = statement.where(Verdict.value.in_(filters.verdicts))
    if (filters.person, filters.since, filters.until) != (None, None, None):
        statement = statement.join(Commit, Commit.id == Verdict.commit_id)
    if filters.person is not None:
        statement = statement.join(Person, Person.id == Commit.person_id).where(
            Person.name_key == name_key(filters.person)
        )
    if filters.since is not None:
        statement = statement.where(Commit.created_at >= filters.since)
    if filters.until is not None:
        statement = statement.where(Commit.created_at < filters.until)
    return statement
