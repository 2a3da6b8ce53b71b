"""Pages written down by hand, on which what is overlooked can be told beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from bench.effort.annotators import missed
from bench.effort.attention import (
    ARRANGEMENTS,
    DOUBTFUL,
    Arrangement,
    best_first,
    doubtful_first,
    doubtful_last,
    second_look,
    walk,
)
from bench.effort.playing import Course
from bench.effort.stopping import Standing

# Ten pages of sixty, each with three wrong ones at the end of the order.
MATCHES = np.tile(np.arange(60) < 57, 10)
COURSE = Course("owl", 570, MATCHES, ~MATCHES, np.arange(60, 601, 60), 1.0)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS.values())
@pytest.mark.parametrize("count", [60, 7])
def test_an_arrangement_shows_every_tile_once(arrangement: Arrangement, count: int) -> None:
    assert sorted(arrangement(count, np.random.default_rng(1))) == list(range(count))


def test_doubtful_ones_are_gathered_worst_first() -> None:
    random = np.random.default_rng(1)

    assert doubtful_first(60, random)[: DOUBTFUL + 1].tolist() == [*range(59, 44, -1), 0]
    assert doubtful_last(60, random)[-DOUBTFUL - 1 :].tolist() == [44, *range(59, 44, -1)]


@pytest.mark.parametrize("arrangement", ARRANGEMENTS.values())
def test_whatever_the_order_who_remembers_all_overlooks_the_same(arrangement: Arrangement) -> None:
    later = walk(COURSE, arrangement, memory=60 * 4)

    # Three of sixty: but for the first pages, and for where in a page the memory is cut off.
    assert later.chances[300:].mean() == pytest.approx(missed(0.05), abs=0.01)


def test_a_short_memory_is_dulled_by_forty_right_ones_and_then_meets_three_wrong_ones() -> None:
    first, second, third = walk(COURSE, best_first, memory=12).chances[-3:]

    assert first == missed(0) > second == missed(1 / 12) > third == missed(2 / 12)


def test_planted_ones_are_as_many_as_asked_for_and_are_not_the_reviews_own() -> None:
    for planted, expected in ((0, 0), (0.2, 2), (1, 10), (2, 20)):
        walked = walk(COURSE, best_first, memory=60, planted=planted)

        assert walked.planted.sum() == expected
        assert walked.own.sum() == 30
        assert walked.wrong.sum() == 30 + expected
        assert walked.nearly_pure.all()


def test_planted_ones_wake_people_up() -> None:
    overlooked = [
        walked.chances[walked.own].mean()
        for walked in (walk(COURSE, best_first, memory=60, planted=planted) for planted in (0, 1, 4))
    ]

    assert overlooked == sorted(overlooked, reverse=True)


def test_a_second_look_at_the_doubtful_ones_removes_more_than_at_random_ones() -> None:
    # The five wrong ones are among the twenty most doubtful.
    accepted = ~np.isin(np.arange(600), [0, 4, 8, 12, 16])
    stood = [Standing(10, accepted, MATCHES)]
    doubtful, at_random = (second_look(stood, 60, doubtful=way, mixed=True, memory=60) for way in (True, False))

    assert 3 < doubtful[0] < 5
    assert at_random[0] < 1
    assert doubtful[2] / doubtful[0] < at_random[2] / at_random[0]
    assert doubtful[1] == pytest.approx(0.55)
