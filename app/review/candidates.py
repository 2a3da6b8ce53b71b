"""Chooses what a page shows: the best of what is undecided, by everything decided so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.registry.row_maps import RowMap
from app.review import queries
from app.review.queries import QueryPicture, ReviewLine
from app.search.ranking import REMEMBERED, best, learned_direction
from app.search.served_index import ServedIndex
from app.verdicts.queries import images_with, labelled_otherwise
from app.words import ACCEPT, REJECT

# How many images beyond the page are named, so that the browser can fetch their thumbnails beforehand. About
# two thirds of the next page are among them.
LOOK_AHEAD = 120


@dataclass(frozen=True)
class Choice:
    """Candidates for a page, best first, and what would have come next."""

    candidates: list[tuple[int, float]]  # (image id, score)
    ahead: list[str]
    remaining: int  # undecided images, the candidates included


def choose(session: Session, *, review: ReviewLine, index: ServedIndex, row_map: RowMap, size: int) -> Choice:
    """Rank every image of the index that is undecided for the review's class.

    What anybody accepted or rejected for the class does not come back, nor what this review left unsure, nor,
    in a pool with one class per image, what carries another label.
    """
    accepted = _rows(row_map, images_with(session, class_id=review.class_id, value=ACCEPT))
    rejected = _rows(row_map, images_with(session, class_id=review.class_id, value=REJECT))
    hidden = row_map.image_ids < 0
    hidden[accepted] = hidden[rejected] = True
    hidden[_rows(row_map, queries.unsure_in_review(session, review_id=review.id))] = True
    if review.classes_per_image == "one":
        others = labelled_otherwise(session, pool_id=review.pool_id, class_id=review.class_id)
        hidden[_rows(row_map, others)] = True

    direction = learned_direction(
        query=_query_vectors(queries.query_pictures(session, review_id=review.id), index=index, row_map=row_map),
        accepted=index.vectors[accepted[-REMEMBERED:]],
        rejected=index.vectors[rejected[-REMEMBERED:]],
        pool=index.pool,
    )
    scores = index.score(direction)
    rows = best(scores, hidden=hidden, count=size + LOOK_AHEAD)
    shown, ahead = rows[:size], rows[size:]
    return Choice(
        candidates=[(int(row_map.image_ids[row]), float(scores[row])) for row in shown],
        ahead=[index.digests[row].tobytes().hex() for row in ahead],
        remaining=int(len(hidden) - hidden.sum()),
    )


def _rows(row_map: RowMap, image_ids: list[int]) -> NDArray[np.int64]:
    # Images that came after this index version was built have no row in it.
    rows = row_map.rows_of(image_ids)
    return rows[rows >= 0]


def _query_vectors(pictures: Iterable[QueryPicture], *, index: ServedIndex, row_map: RowMap) -> NDArray[np.float32]:
    vectors = [
        index.vectors[row_map.rows_of([picture.image_id])[0]]
        if picture.image_id is not None and picture.vector is None
        else np.frombuffer(picture.vector or b"", dtype="<f4")
        for picture in pictures
    ]
    return np.stack(vectors).astype(np.float32)
