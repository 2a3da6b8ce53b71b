"""A part of a picture, to be looked for by itself."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from ml.images import UnreadableImage

# Less than this holds little that could be recognised: the encoder enlarges what it sees to about a hundred pixels.
LEAST_SIDE = 16


class TooSmall(UnreadableImage):
    """Why a part cannot be used, as the end of a sentence that begins with its name."""


@dataclass(frozen=True)
class Crop:
    """A rectangle in parts of the picture as it is seen, upright: from 0 at the left and the top to 1."""

    left: float
    top: float
    width: float
    height: float

    def of(self, picture: Image.Image) -> Image.Image:
        """Return this part of the picture, to the nearest pixel. Raises TooSmall."""
        x, right = (round(picture.width * edge) for edge in (self.left, self.left + self.width))
        y, bottom = (round(picture.height * edge) for edge in (self.top, self.top + self.height))
        # The edges may lie beyond the picture by what is lost in adding two decimals.
        box = (x, y, min(right, picture.width), min(bottom, picture.height))
        width, height = box[2] - x, box[3] - y
        if min(width, height) < LEAST_SIDE:
            raise TooSmall(f"has only {width} × {height} pixels; a part needs at least {LEAST_SIDE} a side")
        return picture.crop(box)

    def short_side(self, at_least: int) -> int:
        """Return the short side that a picture must keep so that this part's keeps `at_least` pixels."""
        return round(max(at_least, LEAST_SIDE) / min(self.width, self.height)) + 1


def squeezed(part: Image.Image) -> Image.Image:
    """Return the part in the shape of a square.

    Encoders look at the square in the middle of a picture. Of a part all that was chosen is to count: of parts three
    times as high as wide, the square in the middle finds far fewer of their kind; of parts nearly square, as many.
    """
    side = min(part.size)
    return part if part.width == part.height else part.resize((side, side), Image.Resampling.BILINEAR)
