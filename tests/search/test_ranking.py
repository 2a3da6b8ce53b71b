from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from app.search.ranking import (
    REMEMBERED,
    Floats,
    PoolStatistics,
    _solution,
    best,
    corrected,
    learned_direction,
    length_of,
)

# A pool that is as wide one way as another, on paper: what is learned is where the points lie.
ROUND = PoolStatistics(mean=np.zeros(2, np.float32), covariance=np.eye(2, dtype=np.float32) / 2, count=1000)
NOTHING = np.empty((0, 2), np.float32)


def at(*degrees: float) -> Floats:
    """Points on the unit circle."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def order(direction: Floats, *points: Floats) -> list[int]:
    return best(np.concatenate(points) @ direction, hidden=np.zeros(0, int), count=len(points)).tolist()


def heap(centre: Floats, count: int, spread: float, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    vectors = centre + spread * random.standard_normal((count, len(centre)))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def statistics(vectors: Floats) -> PoolStatistics:
    return PoolStatistics(vectors.mean(axis=0), np.cov(vectors, rowvar=False).astype(np.float32), len(vectors))


def test_with_only_a_query_the_nearest_come_first() -> None:
    direction = learned_direction(query=at(0), accepted=NOTHING, rejected=NOTHING, pool=ROUND)

    assert order(direction, at(90), at(30), at(-10)) == [2, 1, 0]


def test_rejecting_the_upper_point_puts_the_lower_one_first() -> None:
    rejected = learned_direction(query=at(0), accepted=NOTHING, rejected=at(40), pool=ROUND)

    assert order(rejected, at(30), at(-30)) == [1, 0]


def test_accepting_the_upper_point_puts_the_upper_one_first() -> None:
    accepted = learned_direction(query=at(0), accepted=at(40), rejected=NOTHING, pool=ROUND)

    assert order(accepted, at(30), at(-30)) == [0, 1]


def test_when_all_is_rejected_the_query_still_leads_away_from_it() -> None:
    direction = learned_direction(query=at(0), accepted=NOTHING, rejected=at(*range(10, 60)), pool=ROUND)

    assert order(direction, at(30), at(0), at(-30)) == [2, 1, 0]


def test_rejecting_the_query_itself_does_not_turn_the_review_round() -> None:
    direction = learned_direction(query=at(0), accepted=at(20), rejected=at(0), pool=ROUND)

    assert order(direction, at(20), at(180)) == [0, 1]


def test_several_queries_are_met_in_the_middle() -> None:
    direction = learned_direction(query=at(-40, 40), accepted=NOTHING, rejected=NOTHING, pool=ROUND)

    assert order(direction, at(-50), at(0)) == [1, 0]


def test_what_most_of_the_pool_shares_counts_for_little_once_there_are_examples() -> None:
    # The pool spreads along the first axis for reasons of its own; the accepted agree in the second.
    pool = PoolStatistics(np.zeros(2, np.float32), np.diag([0.9, 0.1]).astype(np.float32), 1000)
    accepted = at(*np.linspace(30, 60, 100))

    direction = learned_direction(query=at(45), accepted=accepted, rejected=NOTHING, pool=pool)

    assert direction[1] > 2 * direction[0] > 0


def test_hundreds_of_rejects_do_not_drown_a_rare_class() -> None:
    axes = np.eye(32, dtype=np.float32)
    rare = heap(axes[0], 60, 0.15, seed=1)
    near = heap(0.8 * axes[0] + 0.6 * axes[1], 900, 0.1, seed=2)
    vectors = np.concatenate([rare, near, heap(axes[2], 4000, 0.15, seed=3)])
    direction = learned_direction(query=rare[:1], accepted=rare[1:20], rejected=near[:700], pool=statistics(vectors))

    rows = best(vectors @ direction, hidden=np.r_[0:20, 60:760], count=40)

    assert (rows < 60).mean() > 0.85


SINGULAR = PoolStatistics(at(0)[0], np.zeros((2, 2), np.float32), 1)
ALIKE = PoolStatistics(at(0)[0], np.full((2, 2), 1e-12, np.float32), 5)


@pytest.mark.parametrize("pool", [ROUND, SINGULAR, ALIKE], ids=["round", "singular", "alike"])
@pytest.mark.parametrize(
    ("query", "accepted", "rejected"),
    [
        (at(10), NOTHING, NOTHING),
        (at(10), at(20), NOTHING),
        (at(10), NOTHING, at(20)),
        (at(10), NOTHING, at(10)),
        (at(10), at(10), at(10)),
        (NOTHING, at(20), NOTHING),
        (NOTHING, NOTHING, at(20)),
        (at(10, 10, 10), at(*[20] * 300), at(*[20] * 300)),
        (at(10), at(*range(3000)), at(*range(3000))),
    ],
)
def test_any_verdicts_give_a_direction_of_length_one(
    query: Floats, accepted: Floats, rejected: Floats, pool: PoolStatistics
) -> None:
    direction = learned_direction(query=query, accepted=accepted, rejected=rejected, pool=pool)

    assert direction.dtype == np.float32
    assert direction.shape == (2,)
    assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-5)


def test_one_dimension_is_enough() -> None:
    line = np.array([[1]], np.float32)
    pool = PoolStatistics(np.zeros(1, np.float32), np.ones((1, 1), np.float32), 2)

    assert learned_direction(query=line, accepted=line, rejected=-line, pool=pool).tolist() == [1]


def test_no_verdicts_and_no_query_give_zeros() -> None:
    assert learned_direction(query=NOTHING, accepted=NOTHING, rejected=NOTHING, pool=ROUND).tolist() == [0, 0]


def test_the_same_verdicts_give_the_same_bytes() -> None:
    vectors = heap(np.eye(64, dtype=np.float32)[0], 500, 0.2, seed=1)
    first, second = (
        learned_direction(
            query=vectors[:1], accepted=vectors[1:200], rejected=vectors[200:], pool=statistics(vectors)
        ).tobytes()
        for _ in range(2)
    )

    assert first == second


def test_only_the_latest_verdicts_are_looked_at() -> None:
    old, new = at(*[90] * 500), at(*np.linspace(-20, 20, REMEMBERED))
    whole = learned_direction(query=at(0), accepted=np.concatenate([old, new]), rejected=old, pool=ROUND)
    short = learned_direction(query=at(0), accepted=new, rejected=old, pool=ROUND)

    assert whole.tolist() == short.tolist()


# Two axes that the direction does not look along: what differs there is told apart by the verdicts nearby alone.
ALONG, LEFT, RIGHT = np.eye(3, dtype=np.float32)
WIDE = PoolStatistics(np.zeros(3, np.float32), np.eye(3, dtype=np.float32) / 3, 1000)


def set_right(
    candidates: Floats, accepted: Floats, rejected: Floats, *, pool: PoolStatistics = WIDE, direction: Floats = ALONG
) -> Floats:
    return corrected(
        candidates, direction=direction, query=accepted[:1], accepted=accepted, rejected=rejected, pool=pool
    )


def test_of_equal_candidates_the_one_among_accepted_images_comes_before_the_one_among_rejected_ones() -> None:
    good, bad = heap(ALONG + LEFT, 100, 0.1, seed=1), heap(ALONG + RIGHT, 100, 0.1, seed=2)
    pair = np.stack([ALONG + RIGHT, ALONG + LEFT]) / np.float32(np.sqrt(2))

    first, second = set_right(pair, good, bad)

    assert second - first > 0.3


def test_where_nothing_was_judged_the_direction_has_the_last_word() -> None:
    near, far = heap(ALONG + LEFT, 100, 0.1, seed=1), heap(ALONG + RIGHT, 100, 0.1, seed=2)

    assert set_right(-near, near, far) == pytest.approx(-near @ ALONG, abs=1e-3)


def test_what_the_direction_expects_of_verdicts_corrects_nothing() -> None:
    accepted = np.repeat(ALONG[None], 100, axis=0)
    rejected = np.repeat(LEFT[None], 100, axis=0)  # level with the pool's average image

    assert set_right(np.stack([ALONG, LEFT]), accepted, rejected) == pytest.approx([1, 0], abs=1e-6)


def test_a_few_accepted_images_correct_less_than_many() -> None:
    good, bad = heap(ALONG + LEFT, 200, 0.1, seed=1), heap(ALONG + RIGHT, 200, 0.1, seed=2)
    few, many = (abs(set_right(bad, good[:count], bad) - bad @ ALONG).mean() for count in (5, 200))

    assert 0 < few < many / 5


@pytest.mark.parametrize("accepted, rejected", [(at(20), NOTHING), (NOTHING, at(20)), (NOTHING, NOTHING)])
def test_until_there_are_verdicts_of_both_kinds_the_scores_are_the_products(accepted: Floats, rejected: Floats) -> None:
    points, direction = at(0, 50, 100), at(10)[0]

    scores = corrected(points, direction=direction, query=at(0), accepted=accepted, rejected=rejected, pool=ROUND)

    assert scores.tolist() == (points @ direction).tolist()


@pytest.mark.parametrize("pool", [ROUND, SINGULAR, ALIKE], ids=["round", "singular", "alike"])
def test_the_scores_of_a_second_look_are_numbers_whatever_the_pool(pool: PoolStatistics) -> None:
    scores = set_right(at(*range(300)), at(*range(900)), at(*range(900)), pool=pool, direction=at(10)[0])

    assert scores.dtype == np.float32
    assert scores.shape == (300,)
    assert np.isfinite(scores).all()


def test_a_second_look_finds_more_of_a_class_of_two_kinds_between_which_others_lie() -> None:
    axes = np.eye(32, dtype=np.float32)
    kinds = np.concatenate([heap(axes[0] + axes[1], 300, 0.15, seed=1), heap(axes[0] - axes[1], 300, 0.15, seed=2)])
    vectors = np.concatenate([kinds, heap(axes[0], 600, 0.15, seed=3), heap(axes[2], 4000, 0.15, seed=4)])
    judged = np.r_[0:100, 300:400, 600:800]
    verdicts = {"query": vectors[:1], "accepted": vectors[judged[:200]], "rejected": vectors[judged[200:]]}
    direction = learned_direction(**verdicts, pool=statistics(vectors))
    shortlist = best(vectors @ direction, hidden=judged, count=180)
    scores = corrected(vectors[shortlist], direction=direction, **verdicts, pool=statistics(vectors))

    once, twice = shortlist[:60], shortlist[best(scores, hidden=np.zeros(0, int), count=60)]

    assert (twice < 600).mean() > (once < 600).mean() + 0.2


def test_the_equations_are_solved_as_elimination_solves_them() -> None:
    random = np.random.default_rng(5)
    samples = random.standard_normal((400, 128)) * np.logspace(0, -1.5, 128)
    matrix = (samples.T @ samples / 400 + 1e-3 * np.eye(128)).astype(np.float32)
    right = (matrix @ random.standard_normal(128)).astype(np.float32)

    expected = np.linalg.solve(matrix.astype(np.float64), right)
    found = _solution(matrix, right)

    assert found @ expected / np.linalg.norm(found) / np.linalg.norm(expected) > 0.9999


def test_the_length_is_that_of_the_least_squares_solution() -> None:
    # On paper: one way only, in which a thousand times the pool's 1/2 stand against the query and 99 accepted images.
    scores = np.ones(100, np.float32)
    length = length_of(at(0)[0], query=scores[:1], accepted=scores[1:], rejected=scores[:0], pool=ROUND)

    assert length == pytest.approx(100 / (500 + 100), rel=1e-5)


def test_a_direction_that_was_not_learned_has_no_length() -> None:
    none = np.empty(0, np.float32)

    assert length_of(np.zeros(2, np.float32), query=none, accepted=none, rejected=none, pool=ROUND) == 0


def test_the_best_are_those_that_sorting_everything_gives() -> None:
    random = np.random.default_rng(3)
    for count in (1, 7, 60, 499, 500, 1000):
        scores = random.integers(20, size=500).astype(np.float32)  # many equals
        hidden = random.random(500) < 0.3
        expected = [int(row) for row in np.argsort(-scores, kind="stable") if not hidden[row]][:count]

        assert best(scores, hidden=hidden, count=count).tolist() == expected


def test_equal_scores_come_in_the_order_of_their_rows() -> None:
    assert best(np.ones(9, np.float32), hidden=np.array([0, 3]), count=4).tolist() == [1, 2, 4, 5]


@pytest.mark.parametrize("hidden", [np.array([True, False, True, False]), np.array([0, 2])], ids=["mask", "rows"])
def test_hidden_rows_are_never_returned(hidden: NDArray[np.bool_] | NDArray[np.intp]) -> None:
    scores = np.array([9, 1, 8, 2], np.float32)

    assert best(scores, hidden=hidden, count=4).tolist() == [3, 1]


def test_when_all_is_hidden_there_is_no_best() -> None:
    assert best(np.ones(3, np.float32), hidden=np.arange(3), count=60).tolist() == []
