from __future__ import annotations

import numpy as np
import pytest

from bench.effort.annotators import careless, missed, missed_in_order, perfect

PAGE = np.array([True, False, True, False, False])


def test_a_perfect_annotator_strikes_out_exactly_what_does_not_match() -> None:
    assert perfect(PAGE).tolist() == [False, True, False, True, True]


@pytest.mark.parametrize(("wrong", "overlooked"), [(0.5, 0.07), (0.1, 0.16), (0.01, 0.30)])
def test_wrong_tiles_are_overlooked_as_often_as_was_measured(wrong: float, overlooked: float) -> None:
    assert missed(wrong) == pytest.approx(overlooked, abs=0.01)


def test_the_purer_the_page_the_more_is_overlooked_up_to_a_bound() -> None:
    chances = [missed(wrong) for wrong in (1.0, 0.3, 0.05, 0.01, 0.002, 0.0)]

    assert chances == sorted(chances)
    assert chances[-1] == 0.40


def test_a_careless_annotator_misses_more_on_purer_pages_and_slips_now_and_then() -> None:
    strike_out = careless(seed=1)
    pure, mixed = np.arange(10_000) >= 200, np.arange(10_000) >= 5000
    in_pure, in_mixed = strike_out(pure), strike_out(mixed)

    assert 0.18 < (~in_pure[~pure]).mean() < 0.38
    assert 0.05 < (~in_mixed[~mixed]).mean() < 0.09
    assert 0 < in_pure[pure].mean() < 0.03


def test_the_same_seed_is_the_same_person() -> None:
    page = np.arange(500) % 3 > 0

    assert np.array_equal(careless(seed=4)(page), careless(seed=4)(page))
    assert not np.array_equal(careless(seed=4)(page), careless(seed=5)(page))


def test_somebody_who_remembers_a_page_misses_on_even_pages_what_the_page_says() -> None:
    tenth = np.arange(600) % 10 == 0

    assert missed_in_order(tenth, memory=60)[60:] == pytest.approx([missed(0.1)] * 540)


def test_a_burst_of_wrong_ones_wakes_people_up_and_a_long_pause_dulls_them() -> None:
    wrong = np.repeat([False, True, False], [50, 12, 50])
    chances = missed_in_order(wrong, memory=12)

    assert chances[0] == missed(0.5)
    assert chances[50] == missed(0) > chances[51] > chances[53] > chances[56] == missed(0.5)
    assert chances[62] == missed(1) < chances[70] < chances[75] == missed(0)


def test_a_long_memory_hardly_notices_a_burst() -> None:
    wrong = np.repeat([False, True, False], [240, 12, 50])

    assert missed_in_order(wrong, memory=240)[252] > missed_in_order(wrong, memory=12)[252]
