"""What has to be true of the database and its artifacts, whatever was killed when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from sqlalchemy import Select, except_, func, select
from sqlalchemy.orm import Session, aliased

from app.search.served_index import ServedIndex
from app.tables import Commit, Image, IndexVersion, JournalEntry, Label, PageCandidate, Served, Verdict
from bench.chaos.house import House
from bench.chaos.people import Acknowledged
from ml.artifacts import BadArtifact, IndexManifest

_ROWS_TRIED = 5


def faults(house: House, acknowledged: Iterable[Acknowledged]) -> Iterator[str]:
    """Tell what is wrong; nothing, if all is well. `acknowledged` are commits that were answered before the call."""
    with house.database.read() as session:
        yield from _lost(session, list(acknowledged))
        yield from _in_part(session)
        yield from _wrong_labels(session)
        yield from _unusable(session, house)


def _lost(session: Session, acknowledged: list[Acknowledged]) -> Iterator[str]:
    stored: defaultdict[int, dict[str, str]] = defaultdict(dict)
    wanted = select(Verdict.commit_id, Image.sha256, Verdict.value).join(Image, Image.id == Verdict.image_id)
    if acknowledged:
        first, last = min(entry.commit for entry in acknowledged), max(entry.commit for entry in acknowledged)
        wanted = wanted.where(Verdict.commit_id.between(first, last))
    for commit_id, image, value in session.execute(wanted):
        stored[commit_id][image] = value
    for entry in acknowledged:
        if stored[entry.commit] != entry.verdicts:
            yield f"Commit {entry.commit} of page {entry.page} was acknowledged, and is not there as it was sent."


def _in_part(session: Session) -> Iterator[str]:
    shown = select(func.count()).where(PageCandidate.page_id == Commit.page_id).scalar_subquery()
    given = select(func.count()).where(Verdict.commit_id == Commit.id).scalar_subquery()
    noted = select(func.count()).where(JournalEntry.commit_id == Commit.id).scalar_subquery()
    for id_, count, verdicts, entries in session.execute(
        select(Commit.id, shown, given, noted).where(Commit.kind == "page")
    ):
        if verdicts != count or entries != 1:
            yield f"Commit {id_} has {verdicts} verdicts of {count}, and {entries} entries in the journal."
    undo = aliased(Commit)
    standing = (
        select(Commit.page_id)
        .outerjoin(undo, undo.undoes_id == Commit.id)
        .where(Commit.kind == "page", undo.id.is_(None))
    )
    for page, times in Counter(session.scalars(standing)).items():
        if times > 1:
            yield f"Page {page} has {times} commits in force."


def _wrong_labels(session: Session) -> Iterator[str]:
    undo = aliased(Commit)
    latest = (
        select(func.max(Verdict.id))
        .outerjoin(undo, undo.undoes_id == Verdict.commit_id)
        .where(undo.id.is_(None))
        .group_by(Verdict.class_id, Verdict.image_id)
    )
    columns = Verdict.class_id, Verdict.image_id, Verdict.id, Verdict.value
    due: Select[tuple[int, int, int, str]] = select(*columns).where(Verdict.id.in_(latest))
    present = select(Label.class_id, Label.image_id, Label.verdict_id, Label.value)
    for told, difference in (("lacks", except_(due, present)), ("should not have", except_(present, due))):
        if rows := session.execute(difference).all():
            yield f"The database {told} {len(rows)} labels, such as {tuple(rows[0])}."


def _unusable(session: Session, house: House) -> Iterator[str]:
    served = set(session.scalars(select(Served.index_version_id)))
    for version in session.scalars(select(IndexVersion)):
        folder = house.settings.indexes / version.artifact
        try:
            if IndexManifest.read(folder).count != version.count:
                yield f"Index version {version.id} is not what its row says."
            if version.id in served:
                index = ServedIndex.open(folder)
                for row in range(min(_ROWS_TRIED, version.count)):
                    scores = index.score(index.vectors[row])
                    if scores[row] < scores.max() - 1e-5:
                        yield f"The served index version {version.id} does not find its own image {row}."
        except BadArtifact as error:
            yield f"Index version {version.id} cannot be opened: {error}"
