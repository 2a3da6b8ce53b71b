"""The order of a pool's images for a review, and what pages take from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.registry.row_maps import RowMap
from app.review import lease_queries, page_queries, queries
from app.review.decided import DecidedRows, Rows
from app.review.page_queries import NewTile
from app.review.queries import QueryPicture, ReviewLine
from app.search.ranking import SHORTLIST, Examples, Floats, best, corrected
from app.search.served_index import ServedIndex
from app.verdicts.queries import waiting_for_others
from app.words import ACCEPT, REJECT, VerdictValue


@dataclass(frozen=True)
class Order:
    """All images of an index version as they rank for a review now."""

    index: ServedIndex
    row_map: RowMap
    accepted: Rows  # of the index, the latest verdict last
    rejected: Rows
    examples: Examples  # what was learned from
    direction: Floats  # (d,)
    scores: Floats  # (n,)
    hidden: NDArray[np.bool_]  # (n,): decided, leased, or not to be shown for another reason
    leased: int  # undecided images that are hidden because somebody else is looking at them

    @property
    def remaining(self) -> int:
        """Undecided images that nobody else is looking at."""
        return int(len(self.hidden) - np.count_nonzero(self.hidden))

    @property
    def places(self) -> int:
        """Tiles that these make."""
        return int(len(self.hidden) - np.count_nonzero(self.hidden | self._beneath))

    def first(self, count: int) -> NDArray[np.intp]:
        """Return the rows of the best undecided images, each for itself."""
        return best(self.scores, hidden=self.hidden, count=count)

    def tiles(self, count: int, *, skip: int = 0) -> list[NewTile]:
        """Return the best undecided images, or those after the best `skip`, as tiles; a stack is one tile."""
        return [self.stack(row) for row in self.leading(count, skip=skip)[:count]]

    def leading(self, count: int, *, skip: int = 0, spare: int = 0) -> NDArray[np.intp]:
        """Return the rows on top of the best tiles, or of those after the best `skip`: `count` and `spare` at least.

        The very best are set right by verdicts on what is like them; their scores stay those of the direction.
        """
        near = max(skip + count, SHORTLIST)
        rows = best(self.scores, hidden=self.hidden | self._beneath, count=near + spare)
        if skip:
            return rows[skip:]
        right = corrected(
            self.index.vectors[rows[:near]], direction=self.direction, pool=self.index.pool, **self.examples
        )
        return np.concatenate([rows[:near][np.argsort(-right, kind="stable")], rows[near:]])

    def stack(self, row: np.integer) -> NewTile:
        """Return the tile of a row with what lies beneath it."""
        return self.tile(row, beneath=self._under(row))

    def tile(self, row: int | np.integer, *, planted: bool = False, beneath: Sequence[int] = ()) -> NewTile:
        """Return the tile of a row, with the rows of its stack that lie beneath it."""
        return NewTile(
            int(self.row_map.image_ids[row]),
            float(self.scores[row]),
            planted,
            tuple((int(self.row_map.image_ids[below]), float(self.scores[below])) for below in beneath),
        )

    def rows(self, image_ids: Iterable[int]) -> Rows:
        """Return the rows of images; those that came after this index version was built have none."""
        return self.row_map.rows_held(image_ids)

    @cached_property
    def _stacked(self) -> Rows:
        """The undecided rows of stacks, by stack, the best of each first."""
        rows = self.index.stacked[~self.hidden[self.index.stacked]]
        return rows[np.lexsort((-self.scores[rows], self.index.stacks[rows]))]

    @cached_property
    def _stacks(self) -> NDArray[np.int32]:
        """The stack of each of these."""
        return self.index.stacks[self._stacked]

    @cached_property
    def _beneath(self) -> NDArray[np.bool_]:
        """Which rows lie beneath a better one of their stack, (n,)."""
        beneath = np.zeros(len(self.hidden), dtype=bool)
        stacks = self._stacks
        beneath[self._stacked[1:][stacks[1:] == stacks[:-1]]] = True
        return beneath

    def _under(self, row: np.integer) -> list[int]:
        if not len(self._stacked):
            return []
        stack = self.index.stacks[row]
        first, last = np.searchsorted(self._stacks, [stack, stack + 1])
        return [int(below) for below in self._stacked[first:last] if below != row]


def order(
    session: Session,
    *,
    review: ReviewLine,
    person_id: int,
    index: ServedIndex,
    row_map: RowMap,
    decided_rows: DecidedRows,
    supposing: Mapping[int, VerdictValue] = MappingProxyType({}),
    like: int | None = None,
) -> Order:
    """Rank every image of the index that is undecided for the review's class, as this person is to see them.

    What anybody accepted, rejected or doubted for the class does not come back, nor, in a pool with one class per
    image, what carries another label; nor, for now, what another review has leased. Where the pool's rule wants more
    verdicts, an image stays away from those who have given theirs. `supposing` adds verdicts that are not given yet, by
    image id: what would come next if they were? With `like`, the order is that of likeness to this one image, away from
    the rejected ones.
    """
    decided = decided_rows.of(session, review=review, person_id=person_id, row_map=row_map)
    waiting = decided.waiting

    def with_verdict(value: VerdictValue) -> Rows:
        # What this person gave counts for them, also where the rule wants more verdicts before it is a label.
        own = [image for image, waits in waiting.items() if waits == value]
        own += [image for image, supposed in supposing.items() if supposed == value]
        return np.concatenate([decided.with_verdict(value), row_map.rows_held(own)])

    accepted, rejected = with_verdict(ACCEPT), with_verdict(REJECT)
    hidden = row_map.image_ids < 0
    hidden[decided.rows] = hidden[decided.elsewhere] = True
    hidden[row_map.rows_held([*supposing, *waiting])] = True
    leased = row_map.rows_held(lease_queries.leased_elsewhere(session, review=review))
    leased = leased[~hidden[leased]]
    hidden[leased] = True

    query = queries.query_pictures(session, review_id=review.id)
    wanted, unwanted = (
        _query_vectors([picture for picture in query if picture.wanted is kind], index=index, row_map=row_map)
        for kind in (True, False)
    )
    learned_from = accepted
    if like is not None:
        wanted, learned_from = index.vectors[row_map.rows_held([like])], accepted[:0]
    learned = index.learned(query=wanted, unwanted=unwanted, accepted=learned_from, rejected=rejected)
    return Order(index, row_map, accepted, rejected, *learned, hidden, len(leased))


def once_more(
    session: Session, *, review: ReviewLine, person_id: int, ranked: Order, value: VerdictValue, count: int
) -> list[NewTile]:
    """Return images with this verdict by this review, for a second look: those most in doubt, shuffled by their ids.

    In doubt are accepted images that rank low, and rejected or unsure ones that rank high. Accepted ones for which the
    pool's rule wants more verdicts are the person's, whichever review of theirs it was. What a second look of
    this review has shown already is left out.
    """
    given = page_queries.given_by(session, review_id=review.id, class_id=review.class_id, value=value)
    if value == ACCEPT:
        waiting = waiting_for_others(session, pool_id=review.pool_id, class_id=review.class_id, person_id=person_id)
        given += [image for image, waits in waiting.items() if waits == value]
    seen = set(page_queries.seen_twice(session, review_id=review.id))
    rows = ranked.rows(image for image in given if image not in seen)
    doubt = ranked.scores[rows] if value == ACCEPT else -ranked.scores[rows]
    chosen = rows[np.argsort(doubt, kind="stable")[:count]]
    # SHA-256 knows nothing of what is in a picture.
    shuffled = sorted(chosen, key=lambda row: bytes(ranked.index.digests[row]))
    return [ranked.tile(row) for row in shuffled]


def _query_vectors(pictures: Sequence[QueryPicture], *, index: ServedIndex, row_map: RowMap) -> NDArray[np.float32]:
    """Return the vectors (q, d) of these pictures; of an image that the pool no longer holds there is none."""
    own = [np.frombuffer(picture.vector, dtype="<f4")[None] for picture in pictures if picture.vector is not None]
    held = [picture.image_id for picture in pictures if picture.vector is None and picture.image_id is not None]
    rows = row_map.rows_of(held)
    return np.concatenate([index.vectors[rows[rows >= 0]], *own]).astype(np.float32)
