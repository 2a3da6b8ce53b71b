"""Methods at work: losses fall, rates and teachers move as by hand, every shipped recipe takes a step."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from ml.pretraining.draws import uniforms
from ml.pretraining.recipe import Recipe, read_recipe, resolved, shipped_recipes

pytestmark = [
    pytest.mark.torch,
    # Lightning's own, about what it does itself, and advice to users of its loaders.
    pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning"),
]
torch = pytest.importorskip("torch")
pl = pytest.importorskip("pytorch_lightning")

from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode  # noqa: E402

from ml.pretraining.methods import Batch, Pretraining, teacher_momentum_at  # noqa: E402
from ml.pretraining.optimisers import rate_at  # noqa: E402
from ml.pretraining.views import TwoViews  # noqa: E402

METHODS = ["simclr", "byol", "moco"]
STEPS_PER_EPOCH = 5


@pytest.mark.parametrize(
    "method, loss", [("simclr", "ntxent"), ("simclr", "dcl"), ("byol", "ntxent"), ("moco", "ntxent"), ("moco", "dcl")]
)
def test_the_loss_falls_on_a_handful_of_images(method: str, loss: str) -> None:
    module = _module(method, f"method.loss={loss}")
    losses = _trained(module, [_batch(0)._replace(step=step) for step in range(10)])
    assert torch.stack(losses).isfinite().all()
    assert losses[-1] < losses[0] - 0.4


@pytest.mark.parametrize("method", METHODS)
def test_the_last_loss_stays_on_the_device_and_holds_no_graph(method: str) -> None:
    module = _module(method)
    assert module.last_loss is None
    loss = module.training_step(_batch(0), 0)
    assert module.last_loss is not None
    assert (module.last_loss, module.last_loss.requires_grad, loss.requires_grad) == (loss, False, True)


@pytest.mark.parametrize("method", METHODS)
def test_a_step_never_waits_for_the_device(method: str) -> None:
    # Fake tensors have shapes but no values: whoever asks for one fails.
    module, (step, pixels, draws) = _module(method), _batch(1)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        module.training_step(Batch(step, mode.from_tensor(pixels), mode.from_tensor(draws)), 0).backward()
        assert module.last_loss is not None
        with pytest.raises(DataDependentOutputException):
            module.last_loss.item()


@pytest.mark.parametrize("method", METHODS)
def test_the_networks_and_their_loss_are_one_graph(method: str) -> None:
    module = _module(method).eval()
    views = torch.rand(8, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    compiled = torch.compile(module.loss, fullgraph=True, dynamic=False, backend="eager")
    with torch.no_grad():
        assert torch.allclose(compiled(views), module.loss(views))


def test_initial_weights_are_a_function_of_the_seed_alone() -> None:
    torch.manual_seed(5)
    first = _module("byol").state_dict()
    untouched = torch.rand(1)
    torch.manual_seed(5)
    assert untouched == torch.rand(1)
    second, other = _module("byol").state_dict(), _module("byol", "seed=1").state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["backbone.conv1.weight"], other["backbone.conv1.weight"])


@pytest.mark.parametrize("method", ["simclr", "moco"])
def test_lightning_trains_as_a_plain_loop_from_any_step(method: str) -> None:
    batches = [_batch(step) for step in range(2, 5)]
    by_lightning, by_hand = _module(method), _module(method)
    rates = _Rates()
    _trainer(callbacks=[rates]).fit(by_lightning, _loader(batches))
    _trained(by_hand, batches)
    training = by_hand.recipe.training
    assert rates.seen == [rate_at(step, training=training, steps_per_epoch=STEPS_PER_EPOCH) for step in (2, 3, 4)]
    assert len(set(rates.seen)) == 3
    theirs = by_hand.state_dict()
    assert all(torch.equal(values, theirs[name]) for name, values in by_lightning.state_dict().items())


def test_in_mixed_precision_views_may_be_float16() -> None:
    module = _module("simclr", views_dtype=torch.float16)
    _trainer(precision="bf16-mixed").fit(module, _loader([_batch(0)]))
    assert module.last_loss is not None
    assert module.last_loss.dtype == torch.float32
    assert module.last_loss.item() == pytest.approx(_module("simclr").training_step(_batch(0), 0).item(), rel=0.02)


def test_the_teachers_momentum_starts_at_0_then_rises_from_the_recipes_to_1() -> None:
    # 21 steps, so that the angle of step 10 is a right one.
    recipe = _recipe("byol", "method.teacher_momentum=0.9", "training.epochs=3")
    momenta = [teacher_momentum_at(step, recipe=recipe, steps_per_epoch=7) for step in (0, 1, 5, 10, 20)]
    cosines = [0.9876883, 0.7071068, 0.0]
    assert momenta == pytest.approx([0.0] + [1 - 0.1 * (cosine + 1) / 2 for cosine in cosines] + [1.0])


@pytest.mark.parametrize("method", ["byol", "moco"])
def test_the_teacher_starts_as_the_student_and_follows_it_as_by_hand(method: str) -> None:
    module = _module(method, "method.teacher_momentum=0.9", "training.epochs=1")
    torch.nn.init.constant_(module.backbone.conv1.weight, 2.0)  # as weights that a run starts from
    module.training_step(_batch(0), 0)
    taught = module.teacher[0].conv1.weight
    assert (taught == 2).all()
    torch.nn.init.constant_(module.backbone.conv1.weight, 3.0)
    # Step 2 of 5 (numbers 0 to 4) is half-way: the momentum is 0.95.
    module.training_step(_batch(2), 0)
    assert torch.allclose(taught, torch.tensor(0.95 * 2 + 0.05 * 3))


@pytest.mark.parametrize("method", ["byol", "moco"])
def test_the_teacher_has_no_gradient_but_statistics_of_its_own(method: str) -> None:
    module = _module(method)
    module.training_step(_batch(0), 0).backward()
    assert all(parameter.grad is None for parameter in module.teacher.parameters())
    assert module.teacher[0].bn1.num_batches_tracked == 1
    trained = {id(values) for group in module.configure_optimizers().param_groups for values in group["params"]}
    kept = [module.backbone, module.head, module.predictor]
    assert trained == {id(values) for network in kept for values in network.parameters()}


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_takes_a_step(name: str) -> None:
    recipe = resolved(read_recipe(name, ["training.batch=2"]), images=4)
    module = Pretraining(recipe, steps_per_epoch=2, compile=False)
    before = module.backbone.conv1.weight.clone()
    [loss] = _trained(module, [_batch(1, images=2, stored=recipe.views.stored)])
    assert torch.isfinite(loss)
    assert not torch.equal(before, module.backbone.conv1.weight)


def test_two_ranks_stay_one(ranks: list[dict[str, Any]]) -> None:
    one, other = (rank["parameters"] for rank in ranks)
    fresh = dict(_module("moco").named_parameters())
    assert all(torch.equal(values, other[name]) for name, values in one.items())
    assert not any(torch.equal(values, fresh[name]) for name, values in one.items() if name.endswith("conv1.weight"))


def trained_parameters(rank: int) -> dict[str, Any]:
    """Return them after two steps under DistributedDataParallel, by the method that has everything.

    It has a predictor, a teacher and negatives; a parameter without gradient in the first step would fail the second.
    """
    warnings.simplefilter("error")
    module = _module("moco", "training.rate=0.1")
    module.forward = module.training_step
    _trained(module, [_batch(step, part=rank) for step in range(2)], torch.nn.parallel.DistributedDataParallel)
    return dict(module.named_parameters())


class _Rates(pl.Callback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_before_optimizer_step(self, trainer: Any, module: Any, optimiser: Any) -> None:
        self.seen += [group["lr"] for group in optimiser.param_groups]


def _trainer(**settings: Any) -> Any:
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    return pl.Trainer(accelerator="cpu", devices=1, max_epochs=1, **quiet, **settings)


def _loader(batches: list[Batch]) -> Any:
    return torch.utils.data.DataLoader(batches, batch_size=None)


def _trained(module: Pretraining, batches: list[Batch], wrapped: Any = None) -> list[Any]:
    """Train by a plain loop; return the losses."""
    optimiser, losses = module.configure_optimizers(), []
    step_of = wrapped(module) if wrapped else module.training_step
    for batch in batches:
        for group in optimiser.param_groups:
            group["lr"] = rate_at(batch.step, training=module.recipe.training, steps_per_epoch=STEPS_PER_EPOCH)
        optimiser.zero_grad()
        loss = step_of(batch, 0)
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    return losses


def _recipe(method: str, *changes: str) -> Recipe:
    settings = ["training.batch=8", "training.epochs=4", "training.rate_batch=8", "network.head_hidden=64"]
    return resolved(read_recipe("smoke", [f"method.name={method}", *settings, *changes]), images=40)


def _module(method: str, *changes: str, **settings: Any) -> Pretraining:
    return Pretraining(_recipe(method, *changes), steps_per_epoch=STEPS_PER_EPOCH, compile=False, **settings)


def _batch(step: int, *, images: int = 8, stored: int = 32, part: int = 0) -> Batch:
    """The same few images at each step, smooth ones of different colours, in views that differ."""
    generator = torch.Generator().manual_seed(part)
    coarse = torch.rand(images, 3, 4, 4, generator=generator) * 255
    pixels = torch.nn.functional.interpolate(coarse, size=(stored, stored), mode="bilinear").to(torch.uint8)
    draws = uniforms(part, step, range(images), width=TwoViews.DRAWS)
    return Batch(step, pixels, torch.from_numpy(draws))
