"""What stacks are found in real pictures, which changes they survive, and what finding them costs.

    python -m bench.stacks --images DIR [--cache DIR] [--sizes 100000 1000000]

DIR holds folders of pictures; their index is made the first time (bench/effort/pools.py). Pictures are changed as
bursts and re-encodings change them, and as they must not be changed to be taken for the same. Larger pools are made of
the same vectors with noise added, in which every hundredth vector has a near-identical partner to be found.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from rich.console import Console
from rich.table import Table

from app.search.served_index import ServedIndex
from bench.effort.pools import ENCODER, indexed
from ml.encoder import Encoder
from ml.folder import list_folder
from ml.images import read_rgb
from ml.progress import Silence
from ml.stacks.find import find_stacks
from ml.stacks.likeness import look_the_same, small
from ml.stacks.neighbours import ALIKE, near_pairs

CHANGED = 250
MAX_PIXELS = 100_000_000

Change = Callable[[Image.Image], Image.Image]


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "winnow-bench", help="(%(default)s)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[], help="larger pools of made-up vectors")
    options = parser.parse_args()
    index = ServedIndex.open(indexed(options.images, options.cache))
    vectors = np.array(index.vectors)
    console = Console()
    console.print(of_real_pictures(options.images, vectors, index.digests))
    console.print(of_changes(options.images))
    console.print(of_sizes(vectors, options.sizes))


def of_real_pictures(folder: Path, vectors: np.ndarray, digests: np.ndarray) -> Table:
    table = Table("pictures", "read", "in a stack", "stacks", "largest", "cores' s", "to search", title="Real pictures")
    listed = {image.id: image for image in list_folder(folder, Silence())[0]}
    images = [listed[digest.tobytes().hex()] for digest in digests]
    began = time.process_time()
    read = len(np.unique(near_pairs(vectors, progress=Silence())))
    searched = time.process_time()
    leaders = find_stacks(vectors, images, max_pixels=MAX_PIXELS, progress=Silence())
    found = time.process_time()
    sizes = np.bincount(leaders)
    sizes = sizes[sizes > 1]
    table.add_row(
        f"{len(vectors):,}", f"{read:,}", f"{sizes.sum():,}", f"{len(sizes):,}", str(sizes.max(initial=1)),
        f"{found - searched:.0f}", f"{searched - began:.0f}",
    )  # fmt: skip
    return table


def of_changes(folder: Path) -> Table:
    encoder = Encoder.open(ENCODER, threads=1)
    files = sorted(folder.rglob("*.jpg"))
    drawn = np.random.default_rng(0).choice(len(files), CHANGED, replace=False)
    wholes = [read_rgb(files[row], max_pixels=MAX_PIXELS) for row in drawn]
    # Cut, so that a window beside the middle one lies within the picture too.
    middles = [_window(whole, 0, 0) for whole in wholes]
    vectors = encoder.encode([encoder.prepare(middle) for middle in middles])
    table = Table("change", "vectors alike", "and look the same", title=f"{CHANGED} pictures, each changed")
    for name, change in CHANGES.items():
        changed = [change(whole) for whole in wholes]
        alike = np.einsum("nd,nd->n", vectors, encoder.encode([encoder.prepare(image) for image in changed])) >= ALIKE
        same = [look_the_same(small(a), small(b)[None])[0] for a, b in zip(middles, changed, strict=True)]
        table.add_row(name, f"{alike.mean():.1%}", f"{(alike & same).mean():.1%}")
    return table


def of_sizes(vectors: np.ndarray, sizes: list[int]) -> Table:
    table = Table("vectors", "s", "cores' s", "partners found", title="Search")
    random = np.random.default_rng(0)
    for size in sizes:
        many = vectors[random.integers(len(vectors), size=size)]
        _add_noise(many, 0.45, random)
        partners = np.arange(0, size - 1, 100)
        many[partners + 1] = many[partners]
        _add_noise(many[partners + 1], 0.2, random, into=many, rows=partners + 1)
        near = np.einsum("nd,nd->n", many[partners], many[partners + 1]) >= ALIKE
        wanted = partners[near].astype(np.int64) * size + partners[near] + 1
        began, cpu_began = time.monotonic(), time.process_time()
        pairs = near_pairs(many, progress=Silence()).astype(np.int64)
        seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu_began
        found = np.isin(wanted, pairs[:, 0] * size + pairs[:, 1]).mean()
        table.add_row(f"{size:,}", f"{seconds:.0f}", f"{cpu_seconds:.0f}", f"{found:.1%} of {len(wanted):,}")
    return table


def _add_noise(vectors, length, random, into=None, rows=None):
    for start in range(0, len(vectors), 10_000):
        part = vectors[start : start + 10_000]
        noise = random.standard_normal(part.shape, dtype=np.float32)
        part = part + noise * (length / np.sqrt(part.shape[1]))
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        if into is None:
            vectors[start : start + 10_000] = part
        else:
            into[rows[start : start + 10_000]] = part


def _window(image: Image.Image, right: int, down: int) -> Image.Image:
    return image.crop((4 + right, 4 + down, image.width - 4 + right, image.height - 4 + down))


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return read_rgb(file.getvalue(), max_pixels=MAX_PIXELS)


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS)


def _burst(image: Image.Image) -> Image.Image:
    return _jpeg(ImageEnhance.Brightness(_window(image, 2, -2)).enhance(1.1), 75)


CHANGES: dict[str, Change] = {
    "JPEG of quality 75": lambda image: _jpeg(_window(image, 0, 0), 75),
    "JPEG of quality 30": lambda image: _jpeg(_window(image, 0, 0), 30),
    "twice the size": lambda image: _scaled(_window(image, 0, 0), 2),
    "half the size": lambda image: _scaled(_window(image, 0, 0), 0.5),
    "0.7 times as bright": lambda image: ImageEnhance.Brightness(_window(image, 0, 0)).enhance(0.7),
    "1.3 times as bright": lambda image: ImageEnhance.Brightness(_window(image, 0, 0)).enhance(1.3),
    "moved by 1 pixel": lambda image: _window(image, 1, -1),
    "moved by 2 pixels": lambda image: _window(image, 2, -2),
    "moved by 4 pixels": lambda image: _window(image, 4, -4),
    "burst: moved by 2, 1.1 times as bright, quality 75": _burst,
    "enlarged by a quarter": lambda image: _scaled(_window(image, 0, 0), 1.25).crop((11, 11, 99, 99)),
    "mirrored": lambda image: ImageOps.mirror(_window(image, 0, 0)),
    "upside down": lambda image: ImageOps.flip(_window(image, 0, 0)),
    "without colours": lambda image: ImageOps.grayscale(_window(image, 0, 0)).convert("RGB"),
}


if __name__ == "__main__":
    main()
