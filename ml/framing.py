"""How a picture becomes what a network sees: its short side resized, its centre cut out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.artifacts import EncoderManifest

# A JPEG decoded at a reduced scale is not quite the picture; with this many times the needed pixels left, its
# vector is (tests/ml/test_encoder.py measures it).
_OVERSAMPLING = 4


@dataclass(frozen=True)
class Framing:
    """The numbers of it; small enough to be sent to another process."""

    resize: int  # the short side, in pixels
    size: tuple[int, int]  # height, width of what is cut out; no larger than `resize`

    @classmethod
    def of(cls, manifest: EncoderManifest) -> Self:
        return cls(manifest.resize, manifest.input_size)

    @property
    def at_least(self) -> int:
        """The short side to which a picture may be reduced while it is decoded without changing its vector."""
        return _OVERSAMPLING * self.resize

    def prepare(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Return what the network sees of an RGB picture: (3, height, width), its centre at the right scale."""
        width, height = image.size
        short = min(width, height)
        # As torchvision's Resize and CenterCrop round.
        resized = np.array([self.resize * width // short, self.resize * height // short])
        target = np.array(self.size[::-1])
        corner = np.round((resized - target) / 2)
        # Resizing only the part that is kept gives the same pixels, and no giant of a picture of 1 x 50,000.
        scale = np.array([width, height]) / resized
        box = (*(corner * scale).tolist(), *((corner + target) * scale).tolist())
        seen = image.resize((int(target[0]), int(target[1])), Image.Resampling.BILINEAR, box=box)
        return np.ascontiguousarray(np.asarray(seen).transpose(2, 0, 1))
