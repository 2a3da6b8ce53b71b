from __future__ import annotations

import io

import pytest
from PIL import Image

from app.search.crops import Crop, TooSmall, squeezed
from ml.images import read_rgb


def test_a_part_is_cut_at_the_nearest_pixels() -> None:
    picture = Image.linear_gradient("L").convert("RGB")  # 256 x 256, its rows count up from black
    part = Crop(left=0.25, top=0.5, width=0.5, height=0.25).of(picture)
    assert part.size == (128, 64)
    assert (part.getpixel((0, 0)), part.getpixel((127, 63))) == ((128,) * 3, (191,) * 3)


@pytest.mark.parametrize(
    ("width", "height", "told"), [(0.15, 1, "15 × 100"), (1, 0.1549, "100 × 15"), (0.001, 1, "0 ×")]
)
def test_fewer_than_sixteen_pixels_a_side_are_too_small(width: float, height: float, told: str) -> None:
    with pytest.raises(TooSmall, match=told):
        Crop(0, 0, width, height).of(Image.new("RGB", (100, 100)))


def test_sixteen_pixels_are_enough() -> None:
    assert Crop(0.84, 0, 0.16, 0.16).of(Image.new("RGB", (100, 100))).size == (16, 16)


def test_the_picture_keeps_enough_pixels_for_a_small_part_of_it() -> None:
    crop = Crop(0.5, 0.5, 0.1, 0.25)
    file = io.BytesIO()
    Image.linear_gradient("L").resize((4000, 3000)).save(file, "JPEG")
    reduced = read_rgb(file.getvalue(), max_pixels=10**8, at_least=crop.short_side(96))
    assert reduced.width < 4000
    assert min(crop.of(reduced).size) >= 96


def test_a_long_part_is_seen_to_its_ends() -> None:
    picture = Image.new("RGB", (40, 120), "white")
    picture.paste("black", (0, 0, 40, 10))
    square = squeezed(picture)
    assert square.size == (40, 40)
    assert (square.getpixel((20, 1)), square.getpixel((20, 39))) == ((0, 0, 0), (255, 255, 255))


def test_a_square_part_stays_as_it_is() -> None:
    picture = Image.linear_gradient("L")
    assert squeezed(picture) is picture
