from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.search.outlook import Outlook, PageResult, _sentence, outlook
from app.search.ranking import REMEMBERED, Floats, PoolStatistics, best, learned_direction

SIZE = 20
NO_ROWS = np.empty(0, dtype=np.intp)


class Pool:
    """A heap of matches, rows 0 to `matches` - 1, so far apart from the middle of a cloud of other images."""

    def __init__(self, matches: int = 120, others: int = 2000, apart: float = 3.0) -> None:
        random = np.random.default_rng(0)
        cloud = random.standard_normal((matches + others, 16))
        cloud[:matches, 0] += apart
        self.vectors: Floats = (cloud / np.linalg.norm(cloud, axis=1, keepdims=True)).astype(np.float32)
        self.statistics = PoolStatistics(
            self.vectors.mean(axis=0), np.cov(self.vectors, rowvar=False).astype(np.float32), len(self.vectors)
        )
        self.matches = np.arange(len(cloud)) < matches


class Review:
    """A review of such a pool by somebody who never errs, the first image its query."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.accepted = self.rejected = NO_ROWS
        self.pages: list[PageResult] = []

    def turn(self, pages: int = 1) -> Review:
        for _ in range(pages):
            page = best(self.scores(), hidden=self.hidden(), count=SIZE)
            self.decide(page, self.pool.matches[page])
            self.pages.append(PageResult(len(page), int(self.pool.matches[page].sum())))
        return self

    def decide(self, rows: NDArray[np.intp], matches: NDArray[np.bool_]) -> None:
        self.accepted = np.append(self.accepted, rows[matches])
        self.rejected = np.append(self.rejected, rows[~matches])

    def direction(self) -> Floats:
        vectors = self.pool.vectors
        accepted, rejected = (vectors[rows[-REMEMBERED:]] for rows in (self.accepted, self.rejected))
        return learned_direction(query=vectors[:1], accepted=accepted, rejected=rejected, pool=self.pool.statistics)

    def scores(self) -> Floats:
        return np.asarray(self.pool.vectors @ self.direction())

    def hidden(self) -> NDArray[np.bool_]:
        return np.isin(np.arange(len(self.pool.vectors)), np.concatenate([[0], self.accepted, self.rejected]))

    def outlook(self, **other: Any) -> Outlook:
        return outlook(
            **{
                "query": self.pool.vectors[:1],
                "accepted": self.accepted,
                "rejected": self.rejected,
                "scores": self.scores(),
                "hidden": self.hidden(),
                "direction": self.direction(),
                "pool": self.pool.statistics,
                "size": SIZE,
                "pages": self.pages,
                **other,
            }
        )


def finite(seen: Outlook) -> bool:
    numbers = [seen.next_purity, seen.left, seen.low, seen.high, *seen.strip.edges, *seen.strip.probability]
    return bool(np.isfinite(numbers).all())


def test_what_is_left_is_within_the_interval_and_the_next_page_as_pure_as_foretold() -> None:
    # A class that runs into the others, as real ones do.
    review = Review(Pool(apart=2)).turn(4)
    left = int((review.pool.matches & ~review.hidden()).sum())
    page = best(review.scores(), hidden=review.hidden(), count=SIZE)

    seen = review.outlook()

    assert seen.low <= left <= seen.high
    assert seen.low <= seen.left <= seen.high
    assert seen.next_purity == pytest.approx(review.pool.matches[page].mean(), abs=0.25)


def test_the_chance_of_a_match_never_falls_as_the_score_rises() -> None:
    review = Review(Pool()).turn(3)
    scores = np.sort(review.scores())
    chances = review.outlook().probability(scores)

    assert (np.diff(chances) >= 0).all()
    assert 0 <= chances[0] < 0.1 < chances[-1] <= 1


def test_the_cut_is_the_rank_where_the_chance_falls_under_a_half() -> None:
    review = Review(Pool()).turn(2)
    seen = review.outlook()
    order = best(review.scores(), hidden=review.hidden(), count=seen.undecided)
    chances = seen.probability(review.scores()[order])

    assert 0 < seen.cut < seen.undecided
    assert chances[seen.cut - 1] >= 0.5 > chances[seen.cut]


def test_the_strip_counts_every_image_once() -> None:
    review = Review(Pool()).turn(3)
    strip = review.outlook().strip

    assert strip.left.sum() == (~review.hidden()).sum()
    assert strip.accepted.sum() == len(review.accepted)
    assert strip.rejected.sum() == len(review.rejected)
    assert len(strip.edges) == len(strip.left) + 1
    assert strip.edges[0] == pytest.approx(review.scores()[~review.hidden()].min())


def test_the_strip_counts_as_an_ordinary_histogram_does() -> None:
    review = Review(Pool()).turn(3)
    strip = review.outlook().strip
    expected, _ = np.histogram(review.scores()[review.accepted], strip.edges)

    # An image on the very edge of a bar may fall on either side of it.
    assert np.abs(strip.accepted - expected).sum() <= 2


def test_when_the_matches_are_used_up_it_is_time_to_stop() -> None:
    early, late = Review(Pool()).turn(2).outlook(), Review(Pool()).turn(20).outlook()

    assert not early.stop
    assert late.stop
    assert late.left < early.left
    assert late.sentence.endswith("Time to stop.")


def test_three_pages_without_a_match_are_said_to_promise_none() -> None:
    pool = Pool()
    others = np.flatnonzero(~pool.matches)
    two, three = Review(pool), Review(pool)
    two.decide(others[: 2 * SIZE], np.zeros(2 * SIZE, dtype=bool))
    three.decide(others[: 3 * SIZE], np.zeros(3 * SIZE, dtype=bool))

    assert "no match" not in two.outlook().sentence
    assert not two.outlook().stop
    assert three.outlook().sentence == (
        "There seems to be no match in this pool: none among 60 images. Start from another picture, or stop."
    )
    assert three.outlook().stop


def test_a_worse_last_page_makes_a_worse_outlook() -> None:
    review = Review(Pool()).turn(3)
    good, bad = ([*review.pages[:-1], PageResult(SIZE, accepted)] for accepted in (SIZE, 0))

    assert review.outlook(pages=good).next_purity > review.outlook(pages=bad).next_purity
    assert review.outlook(pages=good).left >= review.outlook(pages=bad).left


def test_rejects_from_deep_in_the_order_lower_what_is_expected_to_be_left() -> None:
    review = Review(Pool()).turn(3)
    before = review.outlook()
    order = best(review.scores(), hidden=review.hidden(), count=len(review.pool.vectors))
    deeper = order[300:360]
    review.decide(deeper[~review.pool.matches[deeper]], np.zeros(int((~review.pool.matches[deeper]).sum()), dtype=bool))

    assert review.outlook().left < before.left


def test_somebody_who_overlooks_what_is_wrong_is_promised_less() -> None:
    review = Review(Pool()).turn(8)
    attentive, careless = review.outlook(), review.outlook(overlooked=0.1)

    assert careless.next_purity < attentive.next_purity
    assert careless.left < attentive.left


def test_somebody_who_overlooks_nearly_everything_still_has_an_outlook() -> None:
    seen = Review(Pool()).turn(8).outlook(overlooked=1.0)

    assert finite(seen)
    assert seen.low <= seen.left <= seen.high


def test_the_sentence_tells_about_how_many_are_left_and_how_pure_the_next_page_is() -> None:
    said = _sentence((1842, 513, 6593), 0.094, 54, 60, stop=False, hopeless=False)
    done = _sentence((0, 0, 3), 0.004, 60, 600, stop=True, hopeless=False)

    assert said == "About 1,800 left (510 to 6,600); the next 54 are about 9 % pure."
    assert done == "Hardly any left (at most 3); the next 60 are less than 1 % pure. Time to stop."


def test_before_the_first_verdict_nothing_is_promised() -> None:
    seen = Review(Pool()).outlook()

    assert finite(seen)
    assert not seen.stop
    assert seen.sentence == "Nothing is decided yet: the first page will tell more."


@pytest.mark.parametrize("matching", [True, False], ids=["all accepted", "all rejected"])
def test_verdicts_of_one_kind_are_enough_to_look_ahead(matching: bool) -> None:
    review = Review(Pool())
    review.decide(np.arange(1, 61), np.full(60, matching))
    seen = review.outlook()

    assert finite(seen)
    assert seen.low <= seen.left <= seen.high
    assert (seen.next_purity > 0.5) == matching


@pytest.mark.parametrize("left", [1, 0])
def test_the_last_image_and_none_at_all_have_an_outlook(left: int) -> None:
    review = Review(Pool(30, 60)).turn(2)
    hidden = np.arange(90) >= left
    seen = review.outlook(hidden=hidden)

    assert finite(seen)
    assert seen.undecided == left
    assert 0 <= seen.low <= seen.left <= seen.high <= left
    assert len(seen.probability(review.scores())) == 90


def test_a_direction_that_tells_nothing_does_no_harm() -> None:
    review = Review(Pool()).turn(2)
    seen = review.outlook(direction=np.zeros(16, np.float32), scores=np.zeros(len(review.pool.vectors), np.float32))

    assert finite(seen)


def test_the_same_input_gives_the_same_outlook() -> None:
    review = Review(Pool()).turn(3)
    first, second = review.outlook(), review.outlook()

    assert first.sentence == second.sentence
    assert first.strip.probability.tobytes() == second.strip.probability.tobytes()
