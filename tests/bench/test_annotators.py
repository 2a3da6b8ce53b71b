from __future__ import annotations

import numpy as np
import pytest

from bench.effort.annotators import careless, missed, perfect

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
