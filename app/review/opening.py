"""Opens what a review is pinned to."""

from __future__ import annotations

from fastapi import Request
from sqlalchemy.orm import Session

from app.registry.queries import VersionLine, version
from app.registry.row_maps import RowMap
from app.review.queries import ReviewLine
from app.search.served_index import ServedIndex


def opened(request: Request, session: Session, review: ReviewLine) -> tuple[ServedIndex, RowMap]:
    """Return the index version that a review works on, with the images that its rows hold. Raises IndexUnusable."""
    return opened_version(request, session, version(session, id=review.index_version_id))


def opened_version(request: Request, session: Session, pinned: VersionLine) -> tuple[ServedIndex, RowMap]:
    """Return an index version, with the images that its rows hold. Raises IndexUnusable."""
    index: ServedIndex = request.app.state.shelf.open(pinned.artifact)
    row_map: RowMap = request.app.state.row_maps.of(session, version=pinned, digests=index.digests)
    return index, row_map
