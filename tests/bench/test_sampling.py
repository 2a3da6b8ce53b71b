"""Lots whose every image is known, and people of whom it is known what they do."""

from __future__ import annotations

import numpy as np
import pytest

from app.verdicts.acceptance import ONE_LOOK, THREE_LOOKS, share_at_least
from bench.effort.annotators import perfect
from bench.effort.costs import LOOK, STRIKE_OUT, TURN
from bench.effort.lots import play_by_lots
from bench.effort.pools import Pool
from bench.effort.rules import RULES
from bench.effort.sampling import sample
from bench.effort.stopping import stopped
from tests.seeded import two_heaps

PURE = np.ones(800, dtype=bool)
HALF = np.arange(800) % 2 == 0


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(1)


def test_a_pure_lot_is_accepted_whole_after_one_page(random: np.random.Generator) -> None:
    done = sample(PURE, perfect, random, plan=ONE_LOOK, wanted=0.95)

    assert (done.accepted, done.seen, done.rejected, done.labels, done.right) == (True, 60, 0, 800, 800)
    assert done.stated == share_at_least(800, 60, 0, 0.95) < done.true == 1
    assert done.seconds == pytest.approx(60 * LOOK + 2 * TURN)


def test_of_a_mixed_lot_only_what_was_seen_and_kept_is_labelled(random: np.random.Generator) -> None:
    done = sample(HALF, perfect, random, plan=ONE_LOOK, wanted=0.9)

    assert not done.accepted
    assert done.labels == done.right == 60 - done.rejected
    assert done.seconds == pytest.approx(60 * LOOK + done.rejected * STRIKE_OUT + 2 * TURN)


def test_who_is_satisfied_stops_and_who_is_not_looks_on(random: np.random.Generator) -> None:
    # 60 without a reject say less when two more looks are planned than when none is.
    assert [sample(PURE, perfect, random, plan=THREE_LOOKS, wanted=w).seen for w in (0.9, 0.95, 0.98)] == [60, 120, 240]


def test_a_lot_smaller_than_a_look_is_looked_at_whole(random: np.random.Generator) -> None:
    done = sample(HALF[:25], perfect, random, plan=ONE_LOOK, wanted=0.9)

    assert (done.seen, done.stated, done.right) == (25, 13 / 25, 13)


def test_who_overlooks_everything_accepts_and_is_told_what_is_not_so(random: np.random.Generator) -> None:
    done = sample(HALF, lambda matches: np.zeros(len(matches), dtype=bool), random, plan=ONE_LOOK, wanted=0.9)

    assert done.accepted
    assert done.stated > 0.95 > done.true == 0.5
    assert done.right == 400


def test_a_review_is_stopped_where_it_stood() -> None:
    pool = Pool.of("birds", two_heaps(30, 70), np.repeat(["owl", "lark"], [30, 70]))
    review = stopped(pool, 0, RULES["Winnow"], perfect, pages=4, size=10, at=[1, 3])
    first, second = review.stood

    assert [one.pages for one in review.stood] == [1, 3]
    assert first.accepted.all()
    assert len(first.accepted) == review.course.matches[:10].sum()
    # What lies ahead begins with the next page.
    assert first.ahead[:10].tolist() == review.course.matches[10:20].tolist()
    assert len(second.ahead) == 99 - 30


def test_a_review_that_ended_before_a_stop_stands_where_it_ended() -> None:
    pool = Pool.of("birds", two_heaps(30, 70), np.repeat(["owl", "lark"], [30, 70]))
    review = stopped(pool, 0, RULES["Winnow"], perfect, pages=9, size=50, at=[1, 2, 5])

    assert [len(one.ahead) for one in review.stood] == [49, 0, 0]


def test_a_review_by_lots_finds_a_heap_that_lies_apart_and_sees_only_part_of_it() -> None:
    pool = Pool.of("birds", two_heaps(900, 2100), np.repeat(["owl", "lark"], [900, 2100]))
    review = play_by_lots(pool, 0, RULES["Winnow"], perfect)
    seen, each, precision = review.reach(0.8)

    # Three pages, then lots of 120, 240, 480 of which sixty are seen.
    assert review.seen[:5].tolist() == [60, 120, 180, 240, 300]
    assert review.labels[:5].tolist() == [60, 120, 180, 300, 540]
    assert seen < 0.6 * 0.8 * review.wanted
    assert precision > 0.9
    assert each < (LOOK * 60 + 2 * TURN) / 60


def test_a_recall_that_lots_do_not_reach_costs_without_end() -> None:
    pool = Pool.of("birds", two_heaps(900, 2100), np.repeat(["owl", "lark"], [900, 2100]))
    review = play_by_lots(pool, 0, RULES["Winnow"], lambda matches: np.ones(len(matches), dtype=bool))

    assert review.right[-1] == 0
    assert review.reach(0.3) == (np.inf, np.inf, np.inf)
