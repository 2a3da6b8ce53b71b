"""Which images a step sees: the same whoever asks, when, and however many ranks share a batch."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from ml.pretraining.feeding import Feed, Resident, Streaming, fits  # noqa: E402
from ml.pretraining.schedule import Schedule  # noqa: E402

SCHEDULE = Schedule(seed=5, images=103, batch=12, width=4)
PIXELS = np.arange(103, dtype=np.uint8).reshape(103, 1, 1, 1).repeat(3, axis=1)
CPU = torch.device("cpu")
FEEDS = [Resident(PIXELS, SCHEDULE, CPU), Streaming(PIXELS, SCHEDULE, CPU, threads=3)]


def test_an_epoch_sees_each_image_once_but_for_a_last_short_batch() -> None:
    assert SCHEDULE.steps_per_epoch == 8
    for epoch in range(3):
        rows = np.concatenate([SCHEDULE.rows(8 * epoch + step, rank=0, world=1) for step in range(8)])
        assert len({*rows.tolist()}) == 96


@pytest.mark.parametrize("world", [2, 3, 4, 6])
def test_ranks_share_the_batches_of_one(world: int) -> None:
    for step in (0, 7, 8, 21):
        for ask in (SCHEDULE.rows, SCHEDULE.draws):
            parts = [ask(step, rank=rank, world=world) for rank in range(world)]
            np.testing.assert_array_equal(np.concatenate(parts), ask(step, rank=0, world=1))


def test_views_of_a_step_are_drawn_by_its_place_in_the_epoch() -> None:
    again = Schedule(seed=5, images=103, batch=12, width=4)
    np.testing.assert_array_equal(SCHEDULE.draws(13, rank=0, world=1), again.draws(13, rank=0, world=1))
    other = Schedule(seed=6, images=103, batch=12, width=4)
    assert not np.array_equal(SCHEDULE.draws(13, rank=0, world=1), other.draws(13, rank=0, world=1))
    assert not np.array_equal(SCHEDULE.draws(5, rank=0, world=1), SCHEDULE.draws(13, rank=0, world=1))


@pytest.mark.parametrize("feed", FEEDS, ids=["resident", "streaming"])
@pytest.mark.parametrize(("start", "stop"), [(0, 150), (61, 70), (149, 150)])
def test_batches_are_those_of_the_schedule_from_any_step(feed: Feed, start: int, stop: int) -> None:
    batches = list(feed.batches(start, stop, rank=1, world=2))
    assert [batch.step for batch in batches] == list(range(start, stop))
    for batch in batches:
        rows = SCHEDULE.rows(batch.step, rank=1, world=2)
        assert batch.pixels[:, 0, 0, 0].tolist() == rows.tolist()
        np.testing.assert_array_equal(batch.draws.numpy(), SCHEDULE.draws(batch.step, rank=1, world=2))


def test_pixels_stay_on_the_disk_where_they_would_fill_the_memory() -> None:
    assert fits(PIXELS, CPU, ranks=1)
    much = np.broadcast_to(np.uint8(0), (1 << 40,))  # a terabyte that takes none
    assert not fits(much, CPU, ranks=1)
