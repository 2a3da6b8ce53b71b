"""The queue of disagreements, and settling them. Nothing here commits."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.pools.held import path_in_pool
from app.pools.merged import final_classes
from app.tables import Commit, Image, Label, LabelClass, Person, Verdict
from app.verdicts import journal
from app.verdicts.journal import KeyUsedOtherwise, NewVerdict
from app.verdicts.queries import DISPUTED, standing_verdicts
from app.verdicts.rule import Given, own_verdicts
from app.verdicts.rules import pool_rule
from app.words import ACCEPT, REJECT, SETTLEMENT, UNSURE, VerdictValue

_SETTLED_IT = {ACCEPT: "accepted {it}", REJECT: "rejected {it}", UNSURE: "settled {it} as unsure"}


@dataclass(frozen=True)
class Said:
    """Somebody's own verdict, or a settlement."""

    id: int  # the verdict's: whatever is said later has a higher one
    person: str
    class_name: str
    verdict: str
    settles: bool
    when: datetime


@dataclass(frozen=True)
class Disagreement:
    """An image about whose class people differ."""

    id: int  # grows along the queue
    image: str
    path: str
    width: int
    height: int
    class_name: str
    label: str  # what holds until it is settled
    said: list[Said]  # the earliest first


class SettledMeanwhile(Conflict):
    """Somebody else settled this meanwhile, so nothing was stored; settle it again to say otherwise."""

    def __init__(self, sentence: str, said: dict[str, list[Said]]) -> None:
        super().__init__(sentence)
        self.said = said  # now, of the images that somebody else settled


def disagreements(
    session: Session, *, pool_id: int, class_id: int | None, limit: int, after: int = 0
) -> list[Disagreement]:
    """Return disputed labels of a pool, or of one class, from beyond the id `after`, with what everybody said."""
    classes = select(LabelClass.id).where(LabelClass.pool_id == pool_id)
    rows = session.execute(
        select(
            Label.verdict_id,
            Label.image_id,
            Label.class_id,
            Image.sha256,
            path_in_pool(Image.id, pool_id=pool_id),
            Image.width,
            Image.height,
            LabelClass.name,
            Label.value,
        )
        .join(Image, Image.id == Label.image_id)
        .join(LabelClass, LabelClass.id == Label.class_id)
        .where(
            DISPUTED,
            Label.class_id.in_(classes) if class_id is None else Label.class_id == class_id,
            Label.verdict_id > after,
        )
        .order_by(Label.verdict_id)
        .limit(limit)
    ).all()
    said = _said(session, pool_id=pool_id, image_ids={row.image_id for row in rows})
    one = pool_rule(session, pool_id=pool_id).one_class_per_image
    return [
        Disagreement(
            row.verdict_id,
            *row[3:],
            said=[line for _, line in _about(said[row.image_id], class_id=row.class_id, one_class=one)],
        )
        for row in rows
    ]


def settle(
    session: Session,
    *,
    pool_id: int,
    class_id: int,
    person_id: int,
    images: Mapping[str, int],
    verdict: VerdictValue,
    key: str | None,
    seen: Mapping[str, int],
) -> int:
    """Say what holds of images for a class, whatever anybody's verdicts amount to, and return the commit.

    `seen` tells of images the latest of what was said of them when this was decided; of others nobody asks. The same
    key with the same content returns the commit that there is, whatever came since. Raises KeyUsedOtherwise and, where
    somebody else has settled one of the images since it was seen, SettledMeanwhile.
    """
    digest = hashlib.sha256(f"{class_id} {verdict} {sorted(images)}".encode()).hexdigest()
    # A repetition at the same moment waits here, and then sees what the first one stored.
    journal.one_writer_at_a_time(session, pool_id=pool_id, image_ids=images.values())
    if key is not None:
        before = session.execute(
            select(Commit.id, Commit.body_digest).where(
                Commit.kind == SETTLEMENT, Commit.class_id == class_id, Commit.key == key
            )
        ).first()
        if before is not None and before.body_digest != digest:
            raise KeyUsedOtherwise
        if before is not None:
            found: int = before.id
            return found
    _see_that_nobody_else_settled(
        session, pool_id=pool_id, class_id=class_id, person_id=person_id, images=images, seen=seen
    )
    entry = journal.store(
        session,
        kind=SETTLEMENT,
        pool_id=pool_id,
        class_id=class_id,
        person_id=person_id,
        verdicts=[NewVerdict(image_id, verdict) for image_id in images.values()],
        key=key,
        body_digest=digest,
    )
    return entry.id


def _see_that_nobody_else_settled(
    session: Session,
    *,
    pool_id: int,
    class_id: int,
    person_id: int,
    images: Mapping[str, int],
    seen: Mapping[str, int],
) -> None:
    """Raise SettledMeanwhile if what holds of an image is what somebody else said of it after it was seen."""
    marked = {image: images[image] for image in images if image in seen}
    if not marked:
        return
    one = journal.hold_classes(session, pool_id=pool_id).one_class_per_image
    said = _said(session, pool_id=pool_id, image_ids=marked.values())
    meanwhile: dict[str, list[Said]] = {}
    sentence = ""
    for image, image_id in marked.items():
        about = _about(said[image_id], class_id=class_id, one_class=one)
        since = [(given, line) for given, line in about if given.settles and given.id > seen[image]]
        if since and since[-1][0].person_id != person_id:
            meanwhile[image] = [line for _, line in about]
            given, holds = since[-1]
            did = _SETTLED_IT[given.value].format(it="it" if len(images) == 1 else "one of these pictures")
            what = did if given.class_id == class_id else f"{did} as {holds.class_name}"
            sentence = f"{holds.person} {what} meanwhile, so nothing was stored; settle it again to say otherwise."
    if meanwhile:
        raise SettledMeanwhile(sentence, meanwhile)


def _about(said: Sequence[tuple[Given, Said]], *, class_id: int, one_class: bool) -> list[tuple[Given, Said]]:
    """Return what of all that is said of an image bears on one class."""
    return [
        (given, line) for given, line in said if given.class_id == class_id or (one_class and given.value == ACCEPT)
    ]


def _said(session: Session, *, pool_id: int, image_ids: Collection[int]) -> dict[int, list[tuple[Given, Said]]]:
    """Return what everybody holds now of these images, by image."""
    own = own_verdicts(standing_verdicts(session, pool_id=pool_id, image_ids=image_ids))
    final = final_classes(pool_id)
    rows = session.execute(
        select(Verdict.id, Person.name, LabelClass.name, Commit.created_at)
        .join(Commit, Commit.id == Verdict.commit_id)
        .join(Person, Person.id == Commit.person_id)
        .join(final, final.c.id == Verdict.class_id)
        .join(LabelClass, LabelClass.id == final.c.final_id)
        .where(Verdict.id.in_([given.id for given in own]))
    )
    told = {verdict_id: (person, class_name, when) for verdict_id, person, class_name, when in rows}
    said: dict[int, list[tuple[Given, Said]]] = defaultdict(list)
    for given in own:
        person, class_name, when = told[given.id]
        said[given.image_id].append((given, Said(given.id, person, class_name, given.value, given.settles, when)))
    return said
