"""Stacks: what is near-identical, what only seems so, and what a stack can never become."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageEnhance, ImageOps

from ml.images import ListedImage
from ml.progress import Silence
from ml.stacks import neighbours
from ml.stacks.find import find_stacks
from ml.stacks.likeness import look_the_same, small
from ml.stacks.neighbours import NEAREST, near_pairs
from tests.ml.conftest import listed

SIDE = 128

Stacks = Callable[..., list[int]]


def picture(number: int) -> Image.Image:
    colours = np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(colours).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def sky(x: int, y: int, *, size: int = 20) -> Image.Image:
    """A red balloon in a blue sky."""
    image = Image.new("RGB", (SIDE, SIDE), (40, 110, 220))
    image.paste((230, 30, 30), (x, y, x + size, y + size))
    return image


def moved(image: Image.Image, pixels: int) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, pixels, 0, 1, 0))


def as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file)


def alike(one: Image.Image, other: Image.Image) -> bool:
    return bool(look_the_same(small(one), small(other)[None])[0])


def unit(vectors: npt.ArrayLike) -> npt.NDArray[np.float32]:
    array = np.asarray(vectors, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def nearly_the_same(count: int) -> npt.NDArray[np.float32]:
    return unit(np.eye(16)[0] + 0.01 * np.random.default_rng(0).standard_normal((count, 16)))


@pytest.fixture
def stacks(tmp_path: Path) -> Stacks:
    """Return the leaders of pictures, whose vectors are nearly the same unless they are given."""

    def find(images: Sequence[Image.Image], vectors: npt.NDArray[np.float32] | None = None) -> list[int]:
        files = []
        for number, image in enumerate(images):
            image.save(tmp_path / f"{number:03}.png")
            files.append(listed(tmp_path / f"{number:03}.png"))
        return leaders_of(files, nearly_the_same(len(files)) if vectors is None else vectors)

    return find


def leaders_of(images: Sequence[ListedImage | None], vectors: npt.NDArray[np.float32]) -> list[int]:
    return find_stacks(vectors, images, max_pixels=100_000, progress=Silence()).tolist()


@pytest.mark.parametrize(
    "change",
    [
        as_jpeg,
        lambda image: image.resize((64, 64)),
        lambda image: image.resize((300, 300)),
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: ImageEnhance.Contrast(image).enhance(0.8),
        lambda image: moved(image, 2),
        lambda image: moved(image, 4),
    ],
    ids=["re-encoded", "smaller", "larger", "darker", "paler", "moved a little", "moved by a thirtieth"],
)
@pytest.mark.parametrize("number", range(3))
def test_a_burst_or_another_encoding_looks_the_same(change: Callable[[Image.Image], Image.Image], number: int) -> None:
    assert alike(picture(number), change(picture(number)))


@pytest.mark.parametrize(
    "change",
    [
        ImageOps.mirror,
        ImageOps.flip,
        lambda image: image.rotate(90),
        lambda image: ImageOps.grayscale(image).convert("RGB"),
        lambda image: moved(image, 16),
        lambda image: image.crop((16, 16, 112, 112)),
    ],
    ids=["mirrored", "upside down", "turned", "without colours", "moved far", "enlarged"],
)
@pytest.mark.parametrize("number", range(3))
def test_what_is_more_than_a_burst_looks_different(change: Callable[[Image.Image], Image.Image], number: int) -> None:
    assert not alike(picture(number), change(picture(number)))


def test_a_small_thing_counts_however_much_sky_is_around_it() -> None:
    assert alike(sky(50, 50), sky(52, 50))
    assert not alike(sky(50, 50), sky(90, 20))
    assert not alike(sky(50, 50), sky(50, 50, size=0))


def test_empty_frames_look_the_same_unless_their_colours_tell_them_apart() -> None:
    grey, lighter, white, red, blue = (
        Image.new("RGB", (SIDE, SIDE), colour) for colour in ("#777777", "#7a7a7a", "white", "red", "blue")
    )
    assert alike(grey, lighter)
    assert not alike(grey, white)
    assert not alike(red, blue)


def test_a_stack_gathers_what_looks_the_same_and_leaves_the_mirror_image_alone(stacks: Stacks) -> None:
    one, other = picture(1), picture(2)
    images = [one, other, as_jpeg(one), ImageOps.mirror(one), moved(other, 2), moved(one, 2), picture(3)]
    assert stacks(images) == [0, 1, 0, 3, 1, 0, 6]


def test_pictures_with_unlike_vectors_are_not_compared(stacks: Stacks) -> None:
    assert stacks([picture(1), as_jpeg(picture(1))], unit(np.eye(16)[:2])) == [0, 1]


def test_small_steps_do_not_lead_from_one_picture_to_another(stacks: Stacks) -> None:
    images = [moved(picture(1), 4 * step) for step in range(8)]
    leaders = stacks(images)
    assert leaders[0] != leaders[-1]
    assert len(set(leaders)) < 8, "neighbours are stacked"
    assert all(alike(images[leader], image) for leader, image in zip(leaders, images, strict=True))


def test_no_stack_is_larger_than_a_bound(stacks: Stacks) -> None:
    leaders = stacks([ImageEnhance.Brightness(picture(1)).enhance(1 - number / 1000) for number in range(NEAREST + 8)])
    assert max(np.bincount(leaders)) == NEAREST


def test_a_picture_that_cannot_be_read_is_in_no_stack(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.png" for number in range(5)]
    for number, file in enumerate(files):
        ImageEnhance.Brightness(picture(1)).enhance(1 - number / 100).save(file)
    images: list[ListedImage | None] = [listed(file) for file in files]
    files[1].unlink()
    files[2].write_bytes(files[3].read_bytes())
    images[4] = None
    assert leaders_of(images, nearly_the_same(5)) == [0, 1, 2, 0, 4]


def test_in_a_large_pool_nearly_all_neighbours_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_EXACT_UP_TO", 1000)
    random = np.random.default_rng(0)
    vectors = unit(random.standard_normal((5000, 32)))
    vectors[1::2] = unit(vectors[::2] + 0.02 * random.standard_normal((2500, 32)))
    pairs = {tuple(pair) for pair in near_pairs(vectors, progress=Silence()).tolist()}
    assert all((second, first) in pairs for first, second in pairs)
    assert sum((row, row + 1) in pairs for row in range(0, 5000, 2)) > 2400


def test_one_vector_has_no_neighbours() -> None:
    assert near_pairs(unit(np.ones((1, 8))), progress=Silence()).shape == (0, 2)
