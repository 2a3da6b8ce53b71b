"""Chooses what a page shows: the best of what is undecided, by everything decided so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

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


@dataclass(frozen=True)
class Choice:
    """The candidates for a page, best first."""

    rows: NDArray[np.intp]  # of the index
    scores: NDArray[np.float32]
    remaining: int  # undecided images, the candidates included


def choose(
    session: Session,
    *,
    review: ReviewLine,
    index: ServedIndex,
    row_map: RowMap,
    size: int,
    supposing: Mapping[int, str] = MappingProxyType({}),
) -> Choice:
    """Rank every image of the index that is undecided for the review's class.

    What anybody accepted or rejected for the class does not come back, nor what this review left unsure, nor,
    in a pool with one class per image, what carries another label. `supposing` adds verdicts that are not
    given yet, by image id: what would come next if they were?
    """

    def rows(image_ids: Iterable[int]) -> NDArray[np.int64]:
        # Images that came after this index version was built have no row in it.
        found = row_map.rows_of(list(image_ids))
        return found[found >= 0]

    def decided(value: str) -> NDArray[np.int64]:
        given = images_with(session, class_id=review.class_id, value=value)
        return rows(given + [image for image, supposed in supposing.items() if supposed == value])

    accepted, rejected = decided(ACCEPT), decided(REJECT)
    hidden = row_map.image_ids < 0
    hidden[accepted] = hidden[rejected] = True
    hidden[rows(supposing)] = True
    hidden[rows(queries.unsure_in_review(session, review_id=review.id, class_id=review.class_id))] = True
    if review.classes_per_image == "one":
        hidden[rows(labelled_otherwise(session, pool_id=review.pool_id, class_id=review.class_id))] = True

    direction = learned_direction(
        query=_query_vectors(queries.query_pictures(session, review_id=review.id), index=index, row_map=row_map),
        accepted=index.vectors[accepted[-REMEMBERED:]],
        rejected=index.vectors[rejected[-REMEMBERED:]],
        pool=index.pool,
    )
    scores = index.score(direction)
    chosen = best(scores, hidden=hidden, count=size)
    return Choice(chosen, scores[chosen], remaining=int(len(hidden) - hidden.sum()))


def _query_vectors(pictures: Iterable[QueryPicture], *, index: ServedIndex, row_map: RowMap) -> NDArray[np.float32]:
    vectors = [
        index.vectors[row_map.rows_of([picture.image_id])[0]]
        if picture.image_id is not None and picture.vector is None
        else np.frombuffer(picture.vector or b"", dtype="<f4")
        for picture in pictures
    ]
    return np.stack(vectors).astype(np.float32)
