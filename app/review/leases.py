"""Leases: who takes a candidate has it for himself until the page is committed, set aside, or left alone for long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from app.db import Database
from app.review import lease_queries, page_queries, queries
from app.review.page_queries import NewTile, PageLine
from app.review.queries import ReviewLine
from app.tables import now
from app.words import SAMPLE


def is_due(page: PageLine, *, lease: timedelta) -> bool:
    """Whether an open page's lease has run out or is more than half spent. What looks once more leases nothing."""
    if page.once_more or page.commit_id is not None or page.set_aside_at is not None:
        return False
    return page.leased_until is None or page.leased_until - now() < lease / 2


def renew(database: Database, *, page: PageLine, lease: timedelta) -> PageLine:
    """Let a page that is worked on keep its candidates, if it is open, and return it as it is then.

    One whose lease ran out leases them anew, also those that somebody else was shown meanwhile: a commit tells what
    others decided of them.
    """
    if not is_due(page, lease=lease):
        return page
    with database.write() as session:
        # The review first, then the page, as whoever turns to another page or commits this one and goes on has them.
        queries.hold_review(session, review_id=page.review_id)
        # It may have been committed meanwhile.
        page = page_queries.page(session, page_id=page.id, lock=True)
        if not is_due(page, lease=lease):
            return page
        lease_queries.one_at_a_time(session, review=queries.review(session, review_id=page.review_id))
        return _renewed(session, page, lease)


def keep(session: Session, *, review: ReviewLine, page: PageLine, lease: timedelta) -> PageLine | None:
    """Return an open page with its lease renewed, or None if it ran out and others took some of its images meanwhile.

    A sample is kept in any case: it is fixed. Callers have called `one_at_a_time`.
    """
    if not is_due(page, lease=lease):
        return page
    ran_out = page.leased_until is None or page.leased_until <= now()
    if ran_out and page.kind != SAMPLE:
        own = lease_queries.candidates(session, page_id=page.id)
        if lease_queries.taken(session, review=review, image_ids=own):
            return None
    return _renewed(session, page, lease)


def first_free(
    session: Session, *, review: ReviewLine, parts: Iterable[Sequence[NewTile]], count: int
) -> list[NewTile]:
    """Return the first `count` of these tiles that nobody has taken since they were ranked.

    They come in parts, of which only as many are looked at as it takes. Callers have called `one_at_a_time`.
    """
    free: list[NewTile] = []
    for tiles in parts:
        beneath = [image_id for tile in tiles for image_id, _ in tile.beneath]
        gone = lease_queries.taken(session, review=review, image_ids=[*(tile.image_id for tile in tiles), *beneath])
        free += [
            replace(tile, beneath=tuple(below for below in tile.beneath if below[0] not in gone))
            for tile in tiles
            if tile.image_id not in gone
        ]
        if len(free) >= count:
            break
    return free[:count]


def _renewed(session: Session, page: PageLine, lease: timedelta) -> PageLine:
    until = now() + lease
    lease_queries.renew(session, page_id=page.id, until=until)
    return replace(page, leased_until=until)
