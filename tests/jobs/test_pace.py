"""How fast work goes."""

from __future__ import annotations

from app.jobs.pace import Pace

UNKNOWN = {"per_second": None, "seconds_left": None}


def test_nothing_is_said_before_it_is_known() -> None:
    pace = Pace()
    assert pace.figures("embed", 300, 1000, at=0.0) == UNKNOWN
    assert pace.figures("embed", 310, 1000, at=1.0) == UNKNOWN
    # What was done before this attempt is no speed.
    assert pace.figures("embed", 340, 1000, at=4.0) == {"per_second": 10.0, "seconds_left": 66.0}


def test_the_last_while_counts() -> None:
    pace = Pace()
    for second in range(100):
        told = pace.figures("embed", min(second, 50) * 10 + max(second - 50, 0), 1000, at=float(second))
    assert told == {"per_second": 1.0, "seconds_left": 1000 - 549}


def test_a_phase_begins_anew_and_what_stands_still_has_no_end() -> None:
    pace = Pace()
    pace.figures("embed", 0, 10, at=0.0)
    assert pace.figures("index", 5, 10, at=10.0) == UNKNOWN
    assert pace.figures("index", 5, 10, at=20.0) == UNKNOWN
    assert pace.figures("index", 9, None, at=30.0) == {"per_second": 0.2, "seconds_left": None}
