"""Random numbers as pure functions of seed, epoch and position."""

from __future__ import annotations

import numpy as np
import pytest

from ml.pretraining.draws import epoch_order, uniforms


def test_an_epoch_sees_every_image_once() -> None:
    order = epoch_order(7, 3, 1000)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(1000))


def test_seed_and_epoch_change_the_order_and_the_numbers() -> None:
    for seed, epoch in [(1, 0), (0, 1), (2**80, 0)]:
        assert not np.array_equal(epoch_order(seed, epoch, 1000), epoch_order(0, 0, 1000))
        assert not np.isin(uniforms(seed, epoch, range(100), width=35), uniforms(0, 0, range(100), width=35)).all()
    assert np.array_equal(epoch_order(5, 9, 1000), epoch_order(5, 9, 1000))


@pytest.mark.parametrize(("views", "width"), [(2, 35), (1, 3), (2, 4), (3, 7)])
def test_any_part_of_an_epoch_is_the_same_part_of_the_whole(views: int, width: int) -> None:
    whole = uniforms(7, 3, range(500), views=views, width=width)
    assert whole.shape == (500, views, width)
    for part in (range(1), range(1, 2), range(17, 400), range(499, 500), range(40, 40)):
        assert np.array_equal(uniforms(7, 3, part, views=views, width=width), whole[part.start : part.stop])
    assert np.array_equal(uniforms(7, 3, slice(250, 500), views=views, width=width), whole[250:])


def test_positions_far_beyond_32_bits_have_numbers_of_their_own() -> None:
    far = uniforms(7, 3, range(2**40, 2**40 + 10), width=35)
    assert not np.array_equal(far, uniforms(7, 3, range(10), width=35))
    assert np.array_equal(far[4:], uniforms(7, 3, range(2**40 + 4, 2**40 + 10), width=35))


def test_the_numbers_are_uniform_and_never_1() -> None:
    stats = pytest.importorskip("scipy.stats")
    drawn = uniforms(11, 0, range(20_000), width=35)
    assert drawn.dtype == np.float32
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert np.array_equal(drawn * 2**24, np.round(drawn.astype(np.float64) * 2**24))
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 0.01
    # Neighbours in every direction know nothing of each other.
    for one, other in [(drawn[1:], drawn[:-1]), (drawn[:, 0], drawn[:, 1]), (drawn[..., 1:], drawn[..., :-1])]:
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / np.sqrt(one.size)


def test_orders_favour_no_image_and_no_place() -> None:
    stats = pytest.importorskip("scipy.stats")
    firsts = [epoch_order(0, epoch, 20)[0] for epoch in range(4000)]
    places = [int(np.flatnonzero(epoch_order(0, epoch, 20) == 0)[0]) for epoch in range(4000)]
    for counted in (firsts, places):
        assert stats.chisquare(np.bincount(counted, minlength=20)).pvalue > 0.01


def test_a_run_goes_on_with_the_numbers_it_began_with() -> None:
    # Whoever changes these breaks the promise that a run which is resumed is the run that was never stopped.
    assert epoch_order(7, 3, 10).tolist() == [2, 8, 7, 5, 0, 4, 1, 9, 6, 3]
    assert (uniforms(7, 3, range(1000, 1002), width=2) * 2**24).astype(int).tolist() == [
        [[2605309, 5814474], [3602147, 494702]],
        [[15596020, 3849709], [7750946, 796804]],
    ]
