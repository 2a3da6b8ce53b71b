"""Opens what a review is pinned to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fastapi import Request
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.registry.queries import VersionLine, served_version, version
from app.registry.row_maps import RowMap
from app.review.candidates import Order, order
from app.review.queries import ReviewLine
from app.search.served_index import IndexUnusable, ServedIndex
from app.words import VerdictValue


class PinnedIndexGone(Conflict):
    """The index that this review keeps to was removed or is damaged. Nothing is lost: press V to use the served one."""


def opened(request: Request, session: Session, review: ReviewLine) -> tuple[ServedIndex, RowMap]:
    """Return the index version that a review works on, with the images that its rows hold.

    Raises PinnedIndexGone where another one is served that the review can move to, else IndexUnusable.
    """
    pinned = version(session, id=review.index_version_id)
    try:
        return opened_version(request, session, pinned)
    except IndexUnusable as problem:
        served = served_version(session, pool_id=review.pool_id)
        if served is None or served.id == pinned.id:
            raise
        raise PinnedIndexGone from problem


def ranked_for(
    request: Request,
    session: Session,
    review: ReviewLine,
    *,
    person_id: int,
    supposing: Mapping[int, VerdictValue] = MappingProxyType({}),
) -> tuple[ServedIndex, Order]:
    """Return the index version that a review works on, and the order of it for this person. Raises as `opened`."""
    index, row_map = opened(request, session, review)
    decided_rows = request.app.state.decided_rows
    return index, order(
        session,
        review=review,
        person_id=person_id,
        index=index,
        row_map=row_map,
        decided_rows=decided_rows,
        supposing=supposing,
    )


def opened_version(request: Request, session: Session, pinned: VersionLine) -> tuple[ServedIndex, RowMap]:
    """Return an index version, with the images that its rows hold. Raises IndexUnusable."""
    index: ServedIndex = request.app.state.shelf.open(pinned.artifact)
    row_map: RowMap = request.app.state.row_maps.of(session, version=pinned, digests=index.digests)
    return index, row_map
