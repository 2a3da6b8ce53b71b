"""Images a second, two views of each: ours on a whole batch, beside lightly's and torchvision's on one at a time.

    python -m bench.views --images FOLDER [--side 96] [--count 256]

All make the same recipe's views of the same pictures, decoded beforehand. On a CPU each has one thread; the others
are given Pillow images, as their users do. Where there is a GPU ours runs there, and they on one core of its machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from lightly.transforms import SimCLRTransform
from PIL import Image
from rich.console import Console
from rich.table import Table
from torchvision import transforms

from ml.images import read_rgb
from ml.pretraining.blur import kernel_size
from ml.pretraining.draws import uniforms
from ml.pretraining.recipe import Views
from ml.pretraining.views import TwoViews

ROUNDS = 5
MAX_PIXELS = 100_000_000
GPU_BATCHES = 100  # in one round: one alone is over too soon to be timed


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--side", type=int, default=96, help="of the stored images and of their views, in pixels")
    parser.add_argument("--count", type=int, default=256, help="how many pictures to take: one batch")
    options = parser.parse_args()
    pictures = prepared(options.images, side=options.side, count=options.count)
    recipe = Views(side=options.side, stored=options.side)

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "1 thread"
    table = Table(
        "views by", "on", "images/s", title=f"{len(pictures)} images of {options.side} pixels, two views each"
    )
    for dtype in (torch.float32, torch.float16) if torch.cuda.is_available() else (torch.float32,):
        for compiled in (False, True):
            name = f"Winnow, {'compiled' if compiled else 'eager'}, {str(dtype).removeprefix('torch.')}"
            table.add_row(
                name, device, f"{len(pictures) * ours(recipe, pictures, dtype=dtype, compiled=compiled):,.0f}"
            )
    for name, transform in {"lightly": lightly(recipe), "torchvision": torchvision(recipe)}.items():
        rate = batches_a_second(partial(all_of, transform, pictures))
        table.add_row(name, "1 thread", f"{len(pictures) * rate:,.0f}")
    Console().print(table)


def prepared(folder: Path, *, side: int, count: int) -> list[Image.Image]:
    """Return pictures as they are stored, evenly spread over the folder."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in {".jpg", ".jpeg", ".png"})
    store = transforms.Compose([transforms.Resize(side), transforms.CenterCrop(side)])
    spread = files[:: max(len(files) // count, 1)][:count]
    return [store(read_rgb(file.read_bytes(), max_pixels=MAX_PIXELS)) for file in spread]


def ours(recipe: Views, pictures: list[Image.Image], *, dtype: torch.dtype, compiled: bool) -> float:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = TwoViews(recipe, dtype=dtype).to(device)
    views = torch.compile(module, fullgraph=True) if compiled else module
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2)
    pixels = pixels.contiguous().to(device)
    draws = torch.from_numpy(uniforms(0, 0, range(len(pictures)), width=TwoViews.DRAWS)).to(device)
    if device.type == "cpu":
        return batches_a_second(lambda: views(pixels, draws))

    def many() -> None:
        for _ in range(GPU_BATCHES):
            views(pixels, draws)
        torch.cuda.synchronize()

    return GPU_BATCHES * batches_a_second(many)


def lightly(recipe: Views) -> Callable[[Image.Image], object]:
    return SimCLRTransform(
        input_size=recipe.side,
        cj_prob=recipe.jitter,
        cj_bright=recipe.brightness,
        cj_contrast=recipe.contrast,
        cj_sat=recipe.saturation,
        cj_hue=recipe.hue,
        min_scale=recipe.area[0],
        random_gray_scale=recipe.grey,
        gaussian_blur=recipe.blur,
        sigmas=recipe.sigma,
        hf_prob=recipe.flip,
        normalize={"mean": list(recipe.mean), "std": list(recipe.std)},
    )


def torchvision(recipe: Views) -> Callable[[Image.Image], object]:
    jitter = transforms.ColorJitter(recipe.brightness, recipe.contrast, recipe.saturation, recipe.hue)
    blur = transforms.GaussianBlur(kernel_size(recipe.side), recipe.sigma)
    view = transforms.Compose(
        [
            transforms.RandomResizedCrop(recipe.side, recipe.area, recipe.ratio),
            transforms.RandomHorizontalFlip(recipe.flip),
            transforms.RandomApply([jitter], recipe.jitter),
            transforms.RandomGrayscale(recipe.grey),
            transforms.RandomApply([blur], recipe.blur),
            transforms.ToTensor(),
            transforms.Normalize(recipe.mean, recipe.std),
        ]
    )
    return lambda picture: (view(picture), view(picture))


def all_of(transform: Callable[[Image.Image], object], pictures: list[Image.Image]) -> list[object]:
    return [transform(picture) for picture in pictures]


def batches_a_second(work: Callable[[], object]) -> float:
    """Return the median over some rounds, after one that does not count."""
    work()
    spent = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begin)
    return 1 / statistics.median(spent)


if __name__ == "__main__":
    main()
