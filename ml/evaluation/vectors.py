"""Labelled images as an encoder sees them: their vectors, and those of augmented views of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from ml.encoder import AnyEncoder
from ml.images import ListedImage
from ml.preparing import Pixels, decoders, prepare_all
from ml.pretraining import recipe
from ml.pretraining.draws import uniforms
from ml.pretraining.views import TwoViews
from ml.progress import Progress
from ml.vectors import LeftOut

Vectors = npt.NDArray[np.float32]

# Enough pictures to keep all cores busy while the network works on a batch.
_BATCHES_AHEAD = 2


def vectors_of(
    encoder: AnyEncoder, images: Sequence[ListedImage], *, threads: int, max_pixels: int, progress: Progress
) -> tuple[Vectors, list[LeftOut]]:
    """Return a unit vector for each image, (n, dimension) float32, and the images that cannot be read.

    The rows of those are NaN, and so are the rows of images to which the encoder gives no usable vector.
    """
    vectors = np.full((len(images), encoder.manifest.dimension), np.nan, dtype=np.float32)
    left_out: list[LeftOut] = []
    rows: list[int] = []
    batch: list[Pixels] = []
    with decoders(threads, processes=torch.cuda.is_available()) as workers:
        ahead = _BATCHES_AHEAD * encoder.batch
        prepared = prepare_all(images, encoder.framing, max_pixels=max_pixels, workers=workers, ahead=ahead)
        for row, (image, result) in enumerate(prepared):
            if isinstance(result, np.ndarray):
                rows.append(row)
                batch.append(result)
            else:
                left_out.append(LeftOut(image.id, str(image.path), str(result)))
            if batch and (len(batch) == encoder.batch or row == len(images) - 1):
                vectors[rows] = encoder.encode(batch)
                rows, batch = [], []
                progress.step("embed", row + 1, len(images))
    return vectors, left_out


def vectors_of_views(
    encoder: AnyEncoder, images: Sequence[ListedImage], *, seed: int, threads: int, max_pixels: int, progress: Progress
) -> tuple[Vectors, Vectors]:
    """Return the vectors of two augmented views of each image that can be read, (n, dimension) each.

    The views are SimCLR's, by a recipe's default strengths, of what the encoder sees of an image; it must be square.
    """
    (side, _) = encoder.manifest.input_size
    # Not normalised: the encoder does that.
    views = TwoViews(recipe.Views(side=side, stored=side, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))
    with decoders(threads, processes=False) as workers:
        prepared = prepare_all(images, encoder.framing, max_pixels=max_pixels, workers=workers, ahead=encoder.batch)
        seen = np.stack([result for _, result in prepared if isinstance(result, np.ndarray)])
    draws = uniforms(seed, 0, range(len(seen)), width=views.DRAWS)
    first = np.empty((len(seen), encoder.manifest.dimension), dtype=np.float32)
    second = np.empty_like(first)
    for start in range(0, len(seen), encoder.batch):
        part = slice(start, start + encoder.batch)
        both = views(torch.from_numpy(seen[part]), torch.from_numpy(draws[part]))
        one, other = (both * 255).round().to(torch.uint8).contiguous().numpy().reshape(2, -1, 3, side, side)
        first[part], second[part] = encoder.encode(list(one)), encoder.encode(list(other))
        progress.step("views", min(part.stop, len(seen)), len(seen))
    return first, second
