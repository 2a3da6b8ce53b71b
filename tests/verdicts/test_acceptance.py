from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from app.verdicts.acceptance import (
    ONE_LOOK,
    POOR,
    THREE_LOOKS,
    catch_rate_at_least,
    confidence_of_a_look,
    corrected,
    labels_at_least,
    looks_of,
    matches_at_least,
    next_look,
    percent,
    restated,
    share_at_least,
    share_estimate,
    told,
    told_again,
)


def test_sixty_of_eight_hundred_without_a_reject() -> None:
    assert matches_at_least(800, 60, 0, 0.95) == 763
    assert share_at_least(800, 60, 0, 0.95) == 763 / 800
    # The next worse lot would have shown so clean a sample in fewer than a twentieth of the draws, this one in more.
    assert math.comb(763, 60) / math.comb(800, 60) > 0.05 > math.comb(762, 60) / math.comb(800, 60)


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_small_lots_agree_with_every_sample_written_out(size: int) -> None:
    for seen, confidence in itertools.product(range(size + 1), (0.5, 0.8, 0.95)):
        for rejected in range(seen + 1):
            possible = []
            for wrong in range(rejected, size + 1):
                samples = list(itertools.combinations(range(size), seen))
                so_few = sum(sum(image < wrong for image in sample) <= rejected for sample in samples)
                if Fraction(so_few, len(samples)) > Fraction(1 - confidence):
                    possible.append(wrong)

            assert matches_at_least(size, seen, rejected, confidence) == size - max(possible)


@pytest.mark.parametrize(("size", "seen", "rejected"), [(800, 60, 3), (5000, 240, 20), (1_000_000, 240, 7)])
def test_large_lots_agree_with_exact_fractions(size: int, seen: int, rejected: int) -> None:
    def chance(wrong: int) -> Fraction:
        ways = (math.comb(wrong, k) * math.comb(size - wrong, seen - k) for k in range(rejected + 1))
        return Fraction(sum(ways), math.comb(size, seen))

    most_wrong = size - matches_at_least(size, seen, rejected, 0.95)

    assert chance(most_wrong) > Fraction(1, 20) >= chance(most_wrong + 1)


def test_a_lot_that_was_looked_at_whole_is_known() -> None:
    assert matches_at_least(50, 50, 3, 0.95) == 47
    assert share_at_least(50, 50, 3, 0.95) == 0.94
    assert labels_at_least(50, 50, 3, 0.95) == 1


def test_nothing_seen_says_nothing_and_an_empty_lot_holds_nothing_wrong() -> None:
    assert share_at_least(800, 0, 0, 0.95) == 0
    assert share_at_least(0, 0, 0, 0.95) == 1


def test_what_would_be_labelled_is_better_than_the_lot_by_the_rejected_ones() -> None:
    matches = matches_at_least(800, 60, 5, 0.95)

    assert labels_at_least(800, 60, 5, 0.95) == matches / 795
    assert share_at_least(800, 60, 5, 0.95) == matches / 800


def test_the_bound_falls_with_rejects_and_rises_with_looking() -> None:
    by_rejects = [share_at_least(800, 60, rejected, 0.95) for rejected in range(10)]
    by_looking = [share_at_least(800, seen, 0, 0.95) for seen in (10, 60, 120, 240, 800)]

    assert by_rejects == sorted(by_rejects, reverse=True)
    assert by_looking == sorted(by_looking)
    assert by_looking[-1] == 1


@pytest.mark.parametrize(
    ("size", "seen", "rejected", "confidence"), [(10, 11, 0, 0.9), (10, 5, 6, 0.9), (10, 5, -1, 0.9), (10, 5, 0, 1.0)]
)
def test_counts_that_cannot_be_are_refused(size: int, seen: int, rejected: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="rejected of"):
        matches_at_least(size, seen, rejected, confidence)


@pytest.mark.parametrize(
    ("size", "looks"),
    [(1, (1,)), (60, (60,)), (61, (60, 61)), (120, (60, 120)), (200, (60, 120, 200)), (5000, (60, 120, 240))],
)
def test_a_plan_is_cut_down_for_a_small_lot(size: int, looks: tuple[int, ...]) -> None:
    assert looks_of(size, THREE_LOOKS) == looks


def test_a_single_look_stays_single() -> None:
    assert looks_of(800) == looks_of(61) == ONE_LOOK
    assert looks_of(12) == (12,)


def test_looks_come_one_after_the_other_and_end() -> None:
    assert [next_look(THREE_LOOKS, seen) for seen in (0, 59, 60, 120, 239, 240)] == [60, 60, 120, 240, 240, None]


def test_the_error_is_divided_among_the_looks_and_no_more_than_all_of_it() -> None:
    assert confidence_of_a_look(ONE_LOOK) == pytest.approx(0.95)
    assert 3 * (1 - confidence_of_a_look(THREE_LOOKS)) == pytest.approx(0.05)


def misled(*, wrong: int, confidence: float, size: int = 800, trials: int = 2000) -> float:
    """Return how often the highest of the bounds of three looks is false, in samples drawn by a fixed seed."""
    random = np.random.default_rng(wrong)
    bounds = {
        look: [matches_at_least(size, look, r, confidence) for r in range(min(look, wrong) + 1)] for look in THREE_LOOKS
    }
    false = 0
    for _ in range(trials):
        order = random.permutation(size) < wrong
        false += max(bounds[look][int(order[:look].sum())] for look in THREE_LOOKS) > size - wrong
    return false / trials


@pytest.mark.parametrize("wrong", [5, 40, 98])
def test_what_is_stated_holds_even_for_whoever_stops_when_it_looks_best(wrong: int) -> None:
    chance = 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)

    assert misled(wrong=wrong, confidence=confidence_of_a_look(THREE_LOOKS)) <= chance


def test_all_of_the_error_at_each_look_would_mislead_too_often() -> None:
    assert misled(wrong=98, confidence=0.95) > 0.08


def test_a_catch_rate_without_a_miss_has_the_limit_that_can_be_worked_out_by_hand() -> None:
    assert catch_rate_at_least(20, 20, 0.95) == pytest.approx(0.05 ** (1 / 20))
    assert catch_rate_at_least(1, 1, 0.95) == pytest.approx(0.05)


def test_a_catch_rate_has_the_limit_of_the_published_tables() -> None:
    # Clopper & Pearson's 95 % interval for 15 of 20 is 0.5090 to 0.9134.
    assert catch_rate_at_least(20, 15, 0.975) == pytest.approx(0.5090, abs=5e-5)


def test_no_plant_caught_says_nothing_of_the_catch_rate_nor_of_the_lot() -> None:
    assert catch_rate_at_least(0, 0, 0.95) == catch_rate_at_least(9, 0, 0.95) == 0
    assert corrected(800, 60, 0, planted=0, caught=0) == 0


def test_somebody_who_catches_all_is_corrected_little_and_somebody_who_does_not_a_lot() -> None:
    share = share_at_least(800, 60, 0, 0.95)

    assert share > corrected(800, 60, 0, planted=200, caught=200) > 0.93
    assert corrected(800, 60, 0, planted=20, caught=10) < 0.86


def test_with_a_catch_rate_the_chances_agree_with_every_course_written_out() -> None:
    size, seen, rejected, rate, confidence = 7, 4, 1, 0.7, 0.9
    possible = []
    for wrong in range(rejected, size + 1):
        so_few = 0.0
        for sample in itertools.combinations(range(size), seen):
            held = sum(image < wrong for image in sample)
            few = sum(math.comb(held, k) * rate**k * (1 - rate) ** (held - k) for k in range(rejected + 1))
            so_few += few / math.comb(size, seen)
        if so_few > 1 - confidence:
            possible.append(wrong)

    assert matches_at_least(size, seen, rejected, confidence, catch_rate=rate) == size - max(possible)


@pytest.mark.parametrize(("rate", "wrong", "planted"), [(0.7, 60, 30), (0.9, 20, 30), (0.6, 30, 10)])
def test_the_corrected_bound_holds_for_a_person_who_overlooks(rate: float, wrong: int, planted: int) -> None:
    size, seen, trials = 800, 60, 2000
    random = np.random.default_rng(planted)
    known: dict[tuple[int, int], float] = {}
    false = 0
    for _ in range(trials):
        held = int((random.permutation(size)[:seen] < wrong).sum())
        counts = int(random.binomial(held, rate)), int(random.binomial(planted, rate))
        if counts not in known:
            known[counts] = corrected(size, seen, counts[0], planted=planted, caught=counts[1])
        false += known[counts] > (size - wrong) / size

    assert false / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def test_after_later_rejects_the_bound_is_of_those_that_are_left() -> None:
    matches = matches_at_least(800, 60, 1, 0.95)

    assert restated(800, matches, 1) == labels_at_least(800, 60, 1, 0.95)
    assert restated(800, matches, 11) == matches / 789
    assert restated(800, round(share_at_least(800, 60, 1, 0.95) * 800), 11) == matches / 789


def test_more_rejects_than_the_bound_allowed_for_refute_it() -> None:
    assert restated(800, 763, 37) == 1
    assert restated(800, 763, 38) is None


def test_the_estimate_is_the_share_of_the_sample_that_was_kept() -> None:
    assert share_estimate(60, 3) == 0.95
    assert share_estimate(0, 0) is None


def test_shares_are_told_rounded_down_so_that_at_least_stays_true() -> None:
    assert [percent(share) for share in (0.95375, 0.9, 0.999999, 1.0, 0.0, 0.941)] == [
        "95.3 %",
        "90 %",
        "99.9 %",
        "100 %",
        "0 %",
        "94.1 %",
    ]


def test_a_good_sample_is_told_in_one_sentence() -> None:
    assert told(800, 60, 0, bound=763 / 800) == "At least 95.3 % of these 800 match, with 95 % confidence."


def test_a_poor_sample_is_told_plainly() -> None:
    bound = share_at_least(1200, 60, 7, 0.95)

    assert bound < POOR
    assert told(1200, 60, 7, bound=bound) == (
        "At least 79.5 % of these 1,200 match, with 95 % confidence. That is too few to accept what nobody has seen: "
        "7 of 60 were rejected, so about 88.3 % match. Take fewer, or look at all of them."
    )


def test_a_lot_looked_at_whole_is_told_as_a_count() -> None:
    assert told(50, 50, 2, bound=0.96) == "All 50 were looked at: 48 match."


def test_a_restated_bound_and_a_refuted_one_are_told() -> None:
    assert told_again(790, 0.9658) == "At least 96.5 % of the 790 that are left match, with 95 % confidence."
    assert "does not hold" in told_again(761, None)
