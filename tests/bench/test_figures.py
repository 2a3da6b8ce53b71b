"""Courses written down by hand, whose figures can be counted on the fingers."""

from __future__ import annotations

import numpy as np
import pytest

from bench.effort import figures
from bench.effort.costs import LOOK, STRIKE_OUT, TURN, seconds
from bench.effort.playing import Course

# Two pages of four tiles, of a class of six beside the query. One wrong tile is overlooked, one right one struck out.
COURSE = Course(
    class_name="owl",
    wanted=6,
    matches=np.array([1, 1, 0, 0, 1, 1, 1, 0], dtype=bool),
    struck_out=np.array([0, 0, 1, 0, 0, 1, 0, 1], dtype=bool),
    ends=np.array([4, 8]),
    milliseconds=1.0,
)
NOTHING = Course("owl", 0, np.empty(0, bool), np.empty(0, bool), np.empty(0, np.intp), 0.0)


def test_recall_counts_right_labels_among_all_there_were_to_find() -> None:
    assert figures.recall(COURSE, 1) == pytest.approx(2 / 6)
    assert figures.recall(COURSE, 2) == pytest.approx(4 / 6)


def test_a_review_that_ended_early_keeps_the_recall_of_its_last_page() -> None:
    assert figures.recall(COURSE, 40) == figures.recall(COURSE, 2)


def test_purity_is_of_what_was_shown_whatever_the_annotator_did() -> None:
    assert figures.purity(COURSE, 1) == pytest.approx(2 / 4)
    assert figures.purity(COURSE, 2) == pytest.approx(5 / 8)
    assert figures.purity_between(COURSE, 2, 10) == pytest.approx(3 / 4)


def test_precision_is_of_the_labels_alone() -> None:
    assert figures.precision(COURSE) == pytest.approx(4 / 5)


def test_after_as_many_looks_as_the_class_is_large() -> None:
    assert figures.recall_of_sizes(COURSE, 1) == pytest.approx(3 / 6)
    assert figures.recall_of_sizes(COURSE, 2) == pytest.approx(4 / 6)


def test_seconds_are_looks_strikes_and_turns() -> None:
    spent = seconds(COURSE.struck_out, COURSE.ends)

    assert spent.tolist() == pytest.approx([4 * LOOK + STRIKE_OUT + TURN, 8 * LOOK + 3 * STRIKE_OUT + 2 * TURN])


def test_a_recall_is_reached_at_the_end_of_the_page_that_reaches_it() -> None:
    spent = seconds(COURSE.struck_out, COURSE.ends)

    assert figures.reach(COURSE, 0.5) == pytest.approx((8, spent[1] / 4))


def test_a_recall_that_is_not_reached_costs_without_end() -> None:
    assert figures.reach(COURSE, 0.8) == (np.inf, np.inf)


def test_a_review_without_a_page_has_figures_too() -> None:
    assert figures.recall(NOTHING, 1) == figures.purity(NOTHING, 1) == figures.recall_of_sizes(NOTHING, 3) == 0
    assert figures.precision(NOTHING) == 1
    assert figures.reach(NOTHING, 0.5) == (np.inf, np.inf)


def test_the_worst_tenth_is_at_least_one() -> None:
    assert figures.worst_tenth([5, 3, 4]) == 3
    assert figures.worst_tenth(list(range(20))) == pytest.approx(0.5)


def test_the_interval_holds_the_mean_and_narrows_with_more_reviews() -> None:
    few, many = [0.0, 1.0] * 5, [0.0, 1.0] * 500
    (low, high), (lower, higher) = figures.interval(few), figures.interval(many)

    assert low < 0.5 < high
    assert low < lower < 0.5 < higher < high
    assert figures.interval(few) == (low, high)
