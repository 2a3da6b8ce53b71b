"""Rates by hand, and what each optimiser does with weights, biases and an interruption."""

from __future__ import annotations

from typing import Any

import pytest

from ml.pretraining.recipe import Training

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from ml.pretraining.optimisers import make_optimiser, rate_at  # noqa: E402


def training(**settings: Any) -> Training:
    plain = {"epochs": 10, "batch": 512, "rate": 0.1, "rate_batch": 512, "warmup_epochs": 0.0, "schedule": "constant"}
    return Training(**(plain | settings))


def rates(steps: list[int], **settings: Any) -> Any:
    return pytest.approx([rate_at(step, training=training(**settings), steps_per_epoch=4) for step in steps])


def test_the_warm_up_climbs_in_a_line_and_ends_at_the_full_rate() -> None:
    assert rates([0, 1, 6, 7, 8], warmup_epochs=2.0) == [0.0125, 0.025, 0.0875, 0.1, 0.1]
    # Two and a half epochs of four steps.
    assert rates([0, 8, 9, 10], warmup_epochs=2.5) == [0.01, 0.09, 0.1, 0.1]


def test_without_a_warm_up_the_first_step_has_the_full_rate() -> None:
    assert rates([0, 39]) == [0.1, 0.1]
    assert rates([0], schedule="cosine") == [0.1]


def test_the_cosine_falls_from_the_end_of_the_warm_up_to_nearly_nothing() -> None:
    # 8 steps of warm-up, then 32: half-way at step 24, a quarter at 16, and 0 would be at step 40, which never comes.
    quarter = 0.1 * (1 + 2**-0.5) / 2
    assert [0.1, quarter, 0.05, 0.1 - quarter] == rates([8, 16, 24, 32], warmup_epochs=2.0, schedule="cosine")
    assert 0 < rate_at(39, training=training(schedule="cosine"), steps_per_epoch=4) < 2e-4


def test_steps_fall_at_epochs_counted_from_the_end() -> None:
    # Epochs 5 and 8 of 10, four steps each.
    assert rates([0, 19, 20, 31, 32, 39], schedule="steps", drops=(5, 2), drop=0.2) == [
        0.1,
        0.1,
        0.02,
        0.02,
        0.004,
        0.004,
    ]


@pytest.mark.parametrize("scaling, rate", [("linear", 0.025), ("sqrt", 0.05), ("none", 0.1)])
def test_the_rate_follows_the_batch(scaling: str, rate: float) -> None:
    assert [rate] == rates([0], batch=128, rate_scaling=scaling)


def test_a_run_that_is_all_warm_up_has_the_full_rate_at_its_very_end() -> None:
    assert rates([0, 39], warmup_epochs=10.0, schedule="cosine") == [0.0025, 0.1]


@pytest.mark.parametrize("optimiser, biases_shrink", [("sgd", True), ("adam", True), ("adamw", False), ("lars", False)])
def test_weight_decay_shrinks_weights_and_only_where_published_biases(optimiser: Any, biases_shrink: bool) -> None:
    layer = torch.nn.Linear(3, 2)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.ones_(layer.bias)
    stepping = make_optimiser(layer.parameters(), training(optimiser=optimiser, weight_decay=0.5))
    layer.weight.grad, layer.bias.grad = torch.full((2, 3), 1e-12), torch.zeros(2)
    stepping.step()
    assert (layer.weight < 1).all()
    assert (layer.bias < 1).all() == biases_shrink


def test_what_needs_no_gradient_is_not_trained() -> None:
    layer = torch.nn.Linear(3, 2)
    layer.weight.requires_grad_(False)
    [group] = make_optimiser(layer.parameters(), training(optimiser="adam")).param_groups
    assert [values.shape for values in group["params"]] == [(2,)]


@pytest.mark.parametrize("optimiser", ["sgd", "adam", "adamw", "lars"])
def test_an_interrupted_optimiser_goes_on_bit_by_bit(optimiser: Any) -> None:
    straight, stopped = _network(), _network()
    one, other = _optimiser(straight, optimiser), _optimiser(stopped, optimiser)
    _steps(straight, one, 0, 6)
    _steps(stopped, other, 0, 3)
    state, fresh = other.state_dict(), _network()
    fresh.load_state_dict(stopped.state_dict())
    resumed = _optimiser(fresh, optimiser)
    resumed.load_state_dict(state)
    _steps(fresh, resumed, 3, 6)
    for ours, theirs in zip(fresh.parameters(), straight.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert not torch.equal(next(straight.parameters()), next(_network().parameters()))


def _network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 70, 3), torch.nn.Flatten(), torch.nn.Linear(70 * 36, 5))


def _optimiser(network: Any, name: Any) -> Any:
    return make_optimiser(network.parameters(), training(optimiser=name, weight_decay=1e-4))


def _steps(network: Any, optimiser: Any, start: int, stop: int) -> None:
    for step in range(start, stop):
        images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, training=training(warmup_epochs=1.0), steps_per_epoch=4)
        optimiser.zero_grad()
        network(images).square().mean().backward()
        optimiser.step()
