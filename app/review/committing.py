"""Commits of pages and their undoing: idempotent, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.review import lease_queries, lot_queries, page_queries, queries
from app.review.decisions import Marked, purity, verdicts
from app.review.page_queries import PageLine, Picture, Tile
from app.review.queries import ReviewLine
from app.tables import now
from app.verdicts import journal
from app.verdicts.journal import KeyUsedOtherwise, LotDecided, NewVerdict
from app.verdicts.queries import class_counts
from app.words import ACCEPT, NEXT, REJECT, UNSURE

PURITIES_SHOWN = 10


class CommittedOtherwise(Conflict):
    """This page has been committed with other verdicts already; undo that commit first, or reload."""


class SampleGivenUp(Conflict):
    """This sample was given up in another window; its pictures come back in their order."""


class NothingToUndo(NotFound):
    """This page has no commit to undo."""


class Stored(NamedTuple):
    """What a commit is answered, its review, and that review as it is, if all of the page was stored just now."""

    answer: dict[str, Any]
    review_id: int
    whole: ReviewLine | None = None


def commit_page(
    session: Session, *, page_id: int, person_id: int, marked: Marked, milliseconds: int | None, key: str | None
) -> Stored:
    """Turn a page into verdicts; the same commit sent again gets the same answer.

    Raises CommittedOtherwise, KeyUsedOtherwise, LotDecided and SampleGivenUp; nothing is stored then.
    """
    page = page_queries.page(session, page_id=page_id, lock=True)
    before = page_queries.page_commits(session, page_id=page_id)
    same_key = next((commit for commit in before if key is not None and commit.key == key), None)
    if same_key is not None:
        if same_key.body_digest != marked.digest:
            raise KeyUsedOtherwise
        return Stored(same_key.answer or {}, page.review_id)
    if page.commit_id is not None:
        # Without a key the page is the key; and a second tab that decides the same agrees with what is stored.
        if next(commit.body_digest for commit in before if commit.id == page.commit_id) != marked.digest:
            raise CommittedOtherwise
        return Stored(page.answer or {}, page.review_id)

    if page.lot_id is not None:
        _sample_counts(session, page)
    review = queries.review_to_store(session, review_id=page.review_id)
    shown = page_queries.tiles(session, page_id=page_id, pool_id=review.pool_id)
    decided = verdicts(layout(shown), marked)
    by_others = _decided_by_others(session, page, review, shown, person_id=person_id)
    planted = [tile.picture.image for tile in shown if tile.planted]
    missed = [image for image in planted if decided[image].value == ACCEPT]
    given = [
        NewVerdict(picture.image_id, *decided[picture.image], picture.score)
        for tile in shown
        if not tile.planted
        for picture in pictures_of(tile)
        if picture.image_id not in by_others
    ]
    entry = journal.store(
        session,
        kind="page",
        pool_id=review.pool_id,
        class_id=review.class_id,
        person_id=person_id,
        verdicts=given,
        review_id=review.id,
        index_version_id=review.index_version_id,
        page_id=page_id,
        generation=len(before),
        key=key,
        body_digest=marked.digest,
        milliseconds=milliseconds,
        planted=len(planted) or None,
        caught=len(planted) - len(missed) if planted else None,
    )
    # Another window may have gone on to another page; what was decided here counts all the same.
    page_queries.close(session, page_id=page_id)
    values = [verdict.value for verdict in given]
    counts = {"accepted": values.count(ACCEPT), "rejected": values.count(REJECT), "unsure": values.count(UNSURE)}
    answer: dict[str, Any] = {
        "page": page_id,
        "commit": entry.id,
        **counts,
        "planted": len(planted),
        "missed": missed,
        "message": review.merge_told,
    }
    if by_others:
        answer["by_others"] = list(by_others.values())
    # Of itself the journal does not know this yet.
    latest = [answer] if page.kind == NEXT else []
    entry.answer = answer | standing(session, review_id=review.id, class_id=review.class_id, latest=latest)
    return Stored(entry.answer, page.review_id, None if by_others else review)


def undo_page(session: Session, *, page_id: int, person_id: int, of_others: bool, lease: timedelta) -> PageLine:
    """Take back the commit in force of a page, which is open again afterwards and leases its images.

    Raises NothingToUndo, NotYours and LotDecided.
    """
    page = page_queries.page(session, page_id=page_id, lock=True)
    if page.commit_id is None:
        raise NothingToUndo
    if page.lot_id is not None:
        _sample_counts(session, page)
    journal.undo(session, commit_id=page.commit_id, person_id=person_id, of_others=of_others)
    if not page.once_more:
        lease_queries.renew(session, page_id=page_id, until=now() + lease)
    return page_queries.page(session, page_id=page_id)


def _decided_by_others(
    session: Session, page: PageLine, review: ReviewLine, shown: list[Tile], *, person_id: int
) -> dict[int, dict[str, Any]]:
    """Return what somebody else decided meanwhile of the images of a page, by image id.

    A second look is there to decide once more, whoever did so before.
    """
    if page.once_more:
        return {}
    image_ids = [picture.image_id for tile in shown if not tile.planted for picture in pictures_of(tile)]
    # Whoever commits one of them at this moment is waited for, and then seen.
    journal.one_writer_at_a_time(session, pool_id=review.pool_id, image_ids=image_ids)
    return lease_queries.decided_by_others(session, review=review, image_ids=image_ids, person_id=person_id)


def _sample_counts(session: Session, page: PageLine) -> None:
    """See to it that the verdicts on a sample's page can still change what is stated of its lot."""
    lot = lot_queries.lot(session, lot_id=page.lot_id or 0, lock=True)
    if lot.commit_id is not None:
        raise LotDecided
    if page.set_aside_at is not None:
        raise SampleGivenUp


def standing(
    session: Session, *, review_id: int, class_id: int, latest: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Where a review stands: the class's totals and the purity of the last pages, the oldest first.

    `latest` is what the page that is being committed is answered, if it follows the order.
    """
    answers = [*page_queries.last_answers(session, review_id=review_id, count=PURITIES_SHOWN), *latest]
    purities = [purity(answer["accepted"], answer["rejected"]) for answer in answers[-PURITIES_SHOWN:]]
    return {
        "labels": asdict(class_counts(session, class_id=class_id)),
        "purity": [share for share in purities if share is not None],
    }


def layout(shown: list[Tile]) -> dict[str, list[str]]:
    """Return the ids of tiles, each with those beneath it."""
    return {tile.picture.image: [picture.image for picture in tile.beneath] for tile in shown}


def pictures_of(tile: Tile) -> list[Picture]:
    """Return the picture on top of a tile and those beneath."""
    return [tile.picture, *tile.beneath]
