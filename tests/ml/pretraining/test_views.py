"""Views of a batch beside torchvision's, image by image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
stats = pytest.importorskip("scipy.stats")

from sklearn.datasets import load_sample_images  # noqa: E402
from torchvision import transforms  # noqa: E402
from torchvision.transforms import functional as tv  # noqa: E402

from ml.pretraining import colours  # noqa: E402
from ml.pretraining.blur import NO_BLUR, blur_matrices, blur_taps, kernel_size  # noqa: E402
from ml.pretraining.crops import TRIES, crop_boxes, resize_matrices  # noqa: E402
from ml.pretraining.draws import uniforms  # noqa: E402
from ml.pretraining.recipe import Views  # noqa: E402
from ml.pretraining.views import Choices, TwoViews  # noqa: E402

STEP = 1 / 255
MANY = 8_000
# Some forty distributions are compared: by chance, one in 25 such collections would hold a p below this.
IMPROBABLE = 0.001
SIMCLR = Views(side=96, stored=96)
PLAIN = replace(SIMCLR, flip=0.0, jitter=0.0, grey=0.0, blur=0.0)


def photographs(count: int, side: int) -> Any:
    """Return (count, 3, side, side) uint8 pieces of two photographs, and one piece that is black and white."""
    sheets = [torch.from_numpy(sheet.copy()).permute(2, 0, 1) for sheet in load_sample_images().images]
    pieces = [
        sheets[number % 2][:, (150 + 31 * number) % (420 - side) :, 57 * number % (640 - side) :][:, :side, :side]
        for number in range(count)
    ]
    pieces[-1] = torch.where(pieces[-1][1] > pieces[-1][1].median(), 255, 0).to(torch.uint8).expand(3, -1, -1)
    return torch.stack(pieces)


def drawn(count: int, *, seed: int = 5) -> Any:
    return torch.from_numpy(uniforms(seed, 0, range(count), width=TwoViews.DRAWS))


def as_rows(pixels: Any) -> Any:
    """Turn (n, 3, rows, columns) to the (n, rows, 3, columns) of the parts, or back."""
    return pixels.transpose(1, 2)


# Parts


@pytest.mark.parametrize("side", [32, 96, 160])
def test_a_crop_is_resized_and_flipped_as_torchvision_does(side: int) -> None:
    images = photographs(6, 128) / 255
    top, left = torch.tensor([0, 3, 28, 60, 127, 0]), torch.tensor([0, 50, 7, 64, 127, 31])
    height, width = torch.tensor([128, 96, 100, 31, 1, 128]), torch.tensor([128, 20, 96, 64, 1, 97])
    flipped = torch.tensor([False, True, False, True, True, True])
    rows = resize_matrices(top.float(), height.float(), stored=128, side=side)
    columns = resize_matrices(left.float(), width.float(), stored=128, side=side, flipped=flipped)
    ours = rows[:, None] @ images @ columns[:, None].mT
    for number, image in enumerate(images):
        box = [int(value[number]) for value in (top, left, height, width)]
        theirs = tv.resized_crop(image, *box, [side, side], antialias=True)
        theirs = tv.hflip(theirs) if flipped[number] else theirs
        assert torch.allclose(ours[number], theirs, atol=2e-5)


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation", "hue"])
def test_a_colour_is_changed_as_torchvision_does(name: str) -> None:
    images = photographs(8, 64) / 255
    factors = torch.tensor([0.0, 0.2, 0.7, 1.0, 1.3, 1.8, 3.0, 0.5])
    factors = factors / 3 - 0.5 if name == "hue" else factors
    ours = as_rows(colours.CHANGES[name](as_rows(images), factors.view(-1, 1, 1, 1)))
    for number, (image, factor) in enumerate(zip(images, factors.tolist(), strict=True)):
        assert torch.allclose(ours[number], getattr(tv, f"adjust_{name}")(image, factor), atol=1e-5)


def test_hues_turn_right_where_channels_tie_and_vanish() -> None:
    levels = torch.tensor([0.0, 0.25, 0.5, 1.0])
    every_colour = torch.cartesian_prod(levels, levels, levels).T.reshape(1, 3, 8, 8)
    for turns in (-0.5, -1 / 3, -0.1, 0.0, 0.2, 0.5):
        ours = as_rows(colours.hue(as_rows(every_colour), torch.tensor(turns)))
        assert torch.allclose(ours[0], tv.adjust_hue(every_colour[0], turns), atol=1e-5)


def test_colours_change_in_the_order_of_each_image() -> None:
    images = photographs(24, 32) / 255
    order = torch.cartesian_prod(*[torch.arange(4)] * 4)
    order = order[[len(set(row)) == 4 for row in order.tolist()]]
    factors = {
        name: torch.full((24,), value) for name, value in zip(colours.CHANGES, (1.6, 0.4, 1.7, 0.2), strict=True)
    }
    ours = as_rows(colours.changed(as_rows(images), factors, order))
    for number, image in enumerate(images):
        for which in order[number].tolist():
            name = list(colours.CHANGES)[which]
            image = getattr(tv, f"adjust_{name}")(image, float(factors[name][number]))
        assert torch.allclose(ours[number], image, atol=2e-5)


def test_grey_is_torchvisions() -> None:
    images = photographs(4, 64) / 255
    assert torch.allclose(as_rows(colours.grey(as_rows(images))), tv.rgb_to_grayscale(images), atol=1e-6)


@pytest.mark.parametrize(("side", "kernel"), [(32, 3), (96, 9), (224, 23)])
def test_blur_is_torchvisions_with_a_kernel_of_a_tenth_of_the_side(side: int, kernel: int) -> None:
    assert kernel_size(side) == kernel
    images = photographs(4, side) / 255
    sigma = torch.tensor([0.1, 0.7, 2.0, 5.0])
    matrices = blur_matrices(sigma, blur_taps(side))[:, None]
    ours = matrices @ images @ matrices.mT
    for number, image in enumerate(images):
        assert torch.allclose(
            ours[number], tv.gaussian_blur(image, [kernel, kernel], [float(sigma[number])]), atol=1e-5
        )


def test_without_blur_a_view_stays_bit_by_bit() -> None:
    assert torch.equal(blur_matrices(torch.tensor([NO_BLUR]), blur_taps(96))[0], torch.eye(96))


def test_a_box_never_ends_beyond_the_image() -> None:
    nearly = torch.full((1,), 1 - 2**-24)
    for stored in range(8, 600):
        for area in (1e-9, 0.5):
            tries = torch.full((1, TRIES), 0.0)
            box = crop_boxes(tries, tries, nearly, nearly, stored=stored, area=(area, 1.0), ratio=(1.0, 1.0))
            assert box.top + box.height <= stored
            assert box.left + box.width <= stored


# Chances


def alike(ours: Any, theirs: Any) -> float:
    """Return how probable so great a difference is between samples of one distribution (Kolmogorov and Smirnov)."""
    return float(stats.ks_2samp(np.asarray(ours), np.asarray(theirs), method="asymp").pvalue)


@pytest.mark.parametrize(
    ("stored", "area", "ratio"),
    [
        (96, (0.08, 1.0), (3 / 4, 4 / 3)),
        (32, (0.2, 1.0), (3 / 4, 4 / 3)),
        (128, (0.9, 1.0), (1.1, 4.0)),  # hardly a try fits: the box in the middle
        (96, (0.9, 1.0), (0.2, 0.95)),
        (96, (0.5, 1.0), (0.5, 2.0)),
    ],
)
def test_boxes_are_spread_as_torchvisions(stored: int, area: tuple[float, float], ratio: tuple[float, float]) -> None:
    choices = TwoViews(replace(SIMCLR, stored=stored, side=32, area=area, ratio=ratio)).choices(
        drawn(MANY // 2).flatten(0, 1)
    )
    torch.manual_seed(3)
    image = torch.empty(3, stored, stored)
    theirs = np.array([transforms.RandomResizedCrop.get_params(image, area, ratio) for _ in range(MANY)], dtype=float).T
    ours = torch.stack(tuple(choices.boxes)).double().numpy()
    for number in range(4):
        assert alike(ours[number], theirs[number]) > IMPROBABLE
    for figure in (lambda top, left, height, width: height * width, lambda top, left, height, width: width / height):
        assert alike(figure(*ours), figure(*theirs)) > IMPROBABLE


def test_colours_and_blur_are_spread_as_torchvisions() -> None:
    choices = TwoViews(replace(SIMCLR, blur=1.0, brightness=1.4)).choices(drawn(MANY // 2).flatten(0, 1))
    torch.manual_seed(3)
    jitter = transforms.ColorJitter(brightness=1.4, contrast=0.8, saturation=0.8, hue=0.2)
    bounds = (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)
    orders, *theirs = zip(*(jitter.get_params(*bounds) for _ in range(MANY)), strict=True)
    for ours, factors in zip(choices.factors.values(), theirs, strict=True):
        assert alike(ours, factors) > IMPROBABLE
    sigma = [transforms.GaussianBlur.get_params(0.1, 2.0) for _ in range(MANY)]
    assert alike(choices.sigma, sigma) > IMPROBABLE

    base = torch.tensor([64, 16, 4, 1])
    counts = [
        np.unique((order @ base).numpy(), return_counts=True) for order in (choices.order, torch.stack(list(orders)))
    ]
    assert np.array_equal(counts[0][0], counts[1][0])
    assert len(counts[0][0]) == 24
    assert stats.chi2_contingency([counts[0][1], counts[1][1]]).pvalue > IMPROBABLE


def test_what_happens_happens_as_often_as_the_recipe_says() -> None:
    choices = TwoViews(SIMCLR).choices(drawn(MANY // 2).flatten(0, 1))
    for happened, chance in [
        (choices.flipped, SIMCLR.flip),
        (choices.jittered, SIMCLR.jitter),
        (choices.grey, SIMCLR.grey),
        (choices.sigma != NO_BLUR, SIMCLR.blur),
    ]:
        assert stats.binomtest(int(happened.sum()), MANY, chance).pvalue > IMPROBABLE


# The whole


@pytest.mark.parametrize(
    "recipe",
    [
        SIMCLR,
        replace(SIMCLR, side=64, stored=128),
        Views(side=32, stored=32, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, blur=0.0),
        replace(SIMCLR, contrast=0.0, hue=0.0, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
        PLAIN,
    ],
    ids=["simclr", "larger than the view", "cifar", "two colours only", "crops only"],
)
def test_views_are_torchvisions_image_by_image(recipe: Views) -> None:
    module, pixels, draws = TwoViews(recipe), photographs(12, recipe.stored), drawn(12)
    views = module(pixels, draws)
    assert views.shape == (24, 3, recipe.side, recipe.side)
    assert views.is_contiguous(memory_format=torch.channels_last)
    for number, draw in enumerate(draws.transpose(0, 1).flatten(0, 1)):
        theirs = chain(pixels[number % 12], module.choices(draw[None]), recipe)
        assert torch.allclose(views[number], theirs, atol=2e-4)  # of normalised values: a hundredth of a step


def chain(image: Any, choices: Choices, recipe: Views) -> Any:
    """Do to one image, with torchvision, what was chosen for it."""
    box = [int(value) for value in choices.boxes]
    view = tv.resized_crop(image / 255, *box, [recipe.side, recipe.side], antialias=True)
    if choices.flipped:
        view = tv.hflip(view)
    if choices.jittered:
        for which in choices.order[0].tolist():
            name = list(choices.factors)[which]
            view = getattr(tv, f"adjust_{name}")(view, float(choices.factors[name]))
    if choices.grey:
        view = tv.rgb_to_grayscale(view, 3)
    if choices.sigma != NO_BLUR:
        view = tv.gaussian_blur(view, [kernel_size(recipe.side)] * 2, [float(choices.sigma)])
    return tv.normalize(view, recipe.mean, recipe.std)


def test_every_view_has_parameters_of_its_own() -> None:
    noise = torch.randint(256, (1, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    views = TwoViews(SIMCLR)(noise.expand(8, -1, -1, -1), drawn(8))
    for one in range(16):
        for other in range(one):
            assert (views[one] - views[other]).abs().max() > 10 * STEP


def test_a_batch_in_two_halves_gives_the_views_of_the_whole_bit_by_bit() -> None:
    module, pixels, draws = TwoViews(SIMCLR), photographs(16, 96), drawn(16)
    firsts, seconds = module(pixels, draws).chunk(2)
    for part in (slice(0, 8), slice(8, 16), slice(3, 4)):
        assert torch.equal(module(pixels[part], draws[part]), torch.cat([firsts[part], seconds[part]]))


def test_what_a_recipe_leaves_out_moves_nothing_else() -> None:
    draws = drawn(50).flatten(0, 1)
    without, default = TwoViews(PLAIN).choices(draws), TwoViews(SIMCLR).choices(draws)
    assert torch.equal(torch.stack(tuple(without.boxes)), torch.stack(tuple(default.boxes)))
    assert not without.factors
    assert not without.flipped.any()


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.usefixtures("fresh_compiler")
def test_the_module_compiles_into_one_graph() -> None:
    module, pixels, draws = TwoViews(SIMCLR), photographs(4, 96), drawn(4)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    views = compiled(pixels, draws)
    assert torch.allclose(views, module(pixels, draws), atol=1e-5)
    assert views.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("dtype", "most", "mean"), [("float16", 2.0, 0.05), ("bfloat16", 12.0, 0.4)])
def test_shorter_floats_cost_what_the_docstring_says(dtype: str, most: float, mean: float) -> None:
    recipe = replace(SIMCLR, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    pixels, draws = photographs(64, 96), drawn(64)
    short = TwoViews(recipe, dtype=getattr(torch, dtype))(pixels, draws)
    assert short.dtype == getattr(torch, dtype)
    off = (short.float() - TwoViews(recipe)(pixels, draws)).abs() / STEP
    assert off.max() < most
    assert off.mean() < mean


def test_autocast_leaves_views_alone() -> None:
    module, pixels, draws = TwoViews(SIMCLR), photographs(4, 96), drawn(4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        views = module(pixels, draws)
    assert torch.equal(views, module(pixels, draws))


def test_constants_are_no_part_of_a_checkpoint() -> None:
    assert not TwoViews(SIMCLR).state_dict()
