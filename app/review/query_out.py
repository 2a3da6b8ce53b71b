"""What a review started from, as the API tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from app.review.bodies import CropOut, QueryOut
from app.review.queries import QueryPicture


def query_out(pictures: Sequence[QueryPicture]) -> QueryOut:
    """Sort a query's pictures by their kind, each kind in the order given."""
    whole = [picture for picture in pictures if picture.crop is None]
    return QueryOut(
        images=[picture.sha256 for picture in whole if picture.wanted and not picture.uploaded],
        uploads=[picture.sha256 for picture in whole if picture.wanted and picture.uploaded],
        crops=[
            CropOut(
                image=None if picture.uploaded else picture.sha256,
                upload=picture.sha256 if picture.uploaded else None,
                **asdict(picture.crop),
            )
            for picture in pictures
            if picture.crop is not None
        ],
        unwanted=[picture.sha256 for picture in whole if not picture.wanted],
    )
