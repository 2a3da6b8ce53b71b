from datetime import UTC, datetime

from app.jobs import lifecycle

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_lease_is_renewed_several_times_before_it_runs_out():
    assert lifecycle.lease_from(NOON) - NOON > 3 * lifecycle.RENEWED_AFTER


def test_a_job_is_taken_up_three_times():
    assert [lifecycle.is_worn_out(attempts) for attempts in (1, 2, 3, 4)] == [False, False, False, True]


def test_the_second_click_is_told_which_job_does_it():
    assert lifecycle.already_running("import", "running", 7) == "An import of this pool is already running: job 7."
    assert (
        lifecycle.already_running("reindex", "queued", 8)
        == "A reindex of this pool is already waiting its turn: job 8."
    )


def test_a_child_without_words_is_told_by_its_end():
    assert lifecycle.ended_badly(3, 7).startswith("The process ended with exit code 3.")
    assert lifecycle.ended_badly(-9, 7).startswith("The process was ended by signal 9, perhaps for want of memory.")
