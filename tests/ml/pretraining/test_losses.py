"""Our losses against lightly's, alone and across two real ranks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")

from lightly.loss import DCLLoss, NTXentLoss  # noqa: E402

from ml.pretraining.losses import dcl, nt_xent  # noqa: E402

NAMES = ["nt_xent", "dcl", "nt_xent of keys", "dcl of keys"]
LOSSES = [(nt_xent, NTXentLoss), (dcl, DCLLoss)]


@pytest.mark.parametrize("ours, theirs", LOSSES)
@pytest.mark.parametrize("temperature", [0.05, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("images, dimension", [(2, 4), (3, 128), (64, 32), (257, 16)])
def test_value_and_gradient_are_lightlys(
    ours: Any, theirs: Any, temperature: float, images: int, dimension: int
) -> None:
    value, gradient = _value_and_gradient(lambda *pair: ours(*pair, temperature=temperature), images, dimension)
    expected = _value_and_gradient(theirs(temperature=temperature), images, dimension)
    assert torch.allclose(value, expected[0], rtol=1e-6, atol=1e-6)
    assert torch.allclose(gradient, expected[1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("ours, theirs", LOSSES)
def test_in_double_precision_they_agree_to_its_last_digits(ours: Any, theirs: Any) -> None:
    value, gradient = _value_and_gradient(lambda *pair: ours(*pair, temperature=0.1), 32, 16, dtype=torch.float64)
    expected = _value_and_gradient(theirs(temperature=0.1), 32, 16, dtype=torch.float64)
    assert value.dtype == torch.float64
    assert torch.allclose(value, expected[0], rtol=1e-14)
    assert torch.allclose(gradient, expected[1], rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("loss", [nt_xent, dcl])
def test_under_autocast_the_arithmetic_is_still_float32(loss: Any) -> None:
    vectors = _vectors(64, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(*vectors.chunk(2), temperature=0.1)
    assert value.dtype == torch.float32
    assert value == loss(*vectors.chunk(2), temperature=0.1)


@pytest.mark.parametrize("loss", [nt_xent, dcl])
def test_a_loss_is_one_graph(loss: Any) -> None:
    def step(first: Any, second: Any) -> Any:
        return loss(first, second, temperature=0.1)

    # Without code generation: what is to be known is that nothing breaks the graph.
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    vectors = _vectors(32, 16)
    assert compiled(*vectors.chunk(2)) == step(*vectors.chunk(2))


def test_a_view_is_compared_with_a_teachers_vectors_as_by_hand() -> None:
    # Two images; the student has them at 0 and 90 degrees in both views, the teacher has mixed up its second view.
    east, north = torch.eye(2, dtype=torch.float64)
    first, second = torch.stack([east, north]), torch.stack([east, north])
    keys = (torch.stack([east, north]), torch.stack([north, east]))
    # First views: the other view of the image is at cosine 0; of the other image, one view is at 0, one at 1.
    wrong = torch.log(torch.tensor(2 + torch.e, dtype=torch.float64))
    # Second views: the other view is at 1; of the other image, one view is at 0, one at 1.
    right = torch.log(torch.tensor(1 + 2 * torch.e, dtype=torch.float64)) - 1
    assert nt_xent(first, second, temperature=1.0, keys=keys) == pytest.approx(((wrong + right) / 2).item())
    without = torch.log(torch.tensor(1 + torch.e, dtype=torch.float64)) - torch.tensor([0.0, 1.0]).double().mean()
    assert dcl(first, second, temperature=1.0, keys=keys) == pytest.approx(without.item())


@pytest.mark.parametrize("name", NAMES)
def test_two_ranks_have_the_gradient_of_the_joined_batch(ranks: list[dict[str, Any]], name: str) -> None:
    encoder = _encoder()
    _loss_of(encoder, name, *_images()).backward()
    expected = [parameter.grad for parameter in encoder.parameters()]
    assert max(values.abs().max() for values in expected) > 1e-3
    for rank in ranks:
        for ours, joined in zip(rank["gradients"][name], expected, strict=True):
            assert torch.allclose(ours, joined, rtol=1e-6, atol=1e-12)


def gradients_of(rank: int, ranks: int) -> dict[str, list[Any]]:
    """Return what DistributedDataParallel makes of one rank's part of the batch, forth and back, for each loss."""
    gradients = {}
    for name in NAMES:
        encoder = torch.nn.parallel.DistributedDataParallel(_encoder())
        _loss_of(encoder, name, *(views.chunk(ranks)[rank] for views in _images())).backward()
        gradients[name] = [parameter.grad for parameter in encoder.parameters()]
    return gradients


def _loss_of(encoder: Any, name: str, first: Any, second: Any) -> Any:
    loss = nt_xent if name.startswith("nt_xent") else dcl
    # As a teacher's, keys bear no gradient.
    keys = (first.flatten(1)[:, :8], second.flatten(1)[:, :8]) if name.endswith("keys") else None
    return loss(*encoder(torch.cat([first, second])).chunk(2), temperature=0.2, keys=keys)


def _encoder() -> Any:
    """Convolutions without batch statistics, in double precision."""
    torch.manual_seed(1)
    layers = torch.nn.Conv2d(3, 6, 3), torch.nn.GroupNorm(2, 6), torch.nn.Tanh(), torch.nn.Flatten()
    return torch.nn.Sequential(*layers, torch.nn.Linear(6 * 6 * 6, 8)).double()


def _images() -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(2)
    first, second = torch.rand(2, 12, 3, 8, 8, generator=generator, dtype=torch.float64)
    return first, second


def _vectors(images: int, dimension: int, dtype: Any = None) -> Any:
    return torch.randn(2 * images, dimension, generator=torch.Generator().manual_seed(3), dtype=dtype)


def _value_and_gradient(
    loss: Callable[[Any, Any], Any], images: int, dimension: int, dtype: Any = None
) -> tuple[Any, Any]:
    vectors = _vectors(images, dimension, dtype).requires_grad_()
    value = loss(*vectors.chunk(2))
    value.backward()
    return value.detach(), vectors.grad
