"""Images per second of pretraining, each in two views: Winnow's two data paths beside lightly's own pipeline.

    python -m bench.pretraining --images FOLDER [--recipe stl10-article] [--seconds 180]

All three train the recipe's network with the recipe's batch and views on the same pictures, one after the other.
Winnow's are whole runs of `python -m ml pretrain`, with their checkpoints and one judging; lightly's is the pipeline
of its documentation: SimCLRTransform in a DataLoader with a worker for each core, NTXentLoss, Adam, bf16 on a GPU.
On a GPU `python -m bench.make_pool` makes the 100,000 pictures of the figures. The first fifth of each run is left
out of its figure, so that compiling and starting workers belong to no rate.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from lightly.data import LightlyDataset
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from rich.console import Console
from rich.table import Table

from ml.pretraining.backbones import make_backbone
from ml.pretraining.recipe import Recipe, read_recipe, resolved

EPOCHS, IMAGES = 800, 100_000  # the article's job, to which the rates are converted
LEFT_OUT = 1 / 5  # of each run, at its beginning


@dataclass(frozen=True)
class Moment:
    """How many images had been trained on, at what time in seconds."""

    seconds: float
    images: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--recipe", default="stl10-article")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a change to the recipe")
    parser.add_argument("--seconds", type=float, default=180, help="the time of each run")
    parser.add_argument("--paths", nargs="+", default=["resident", "streaming", "lightly"])
    options = parser.parse_args()

    changes = [*options.set, "checkpoints.minutes=0.5"]
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for path in options.paths:
            if path == "lightly":
                recipe = read_recipe(options.recipe, changes)
                rates["lightly's DataLoader"] = _rate(_lightly(recipe, options.images, options.seconds))
            else:
                command = ["pretrain", options.recipe, "--images", str(options.images), "--out", f"{scratch}/{path}"]
                command += [f"--{path}", "--cache", f"{scratch}/cache", "--progress", "json"]
                for change in changes:
                    command += ["--set", change]
                rates[f"Winnow, {path}"] = _rate(_winnow(command, options.seconds))

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} cores, no GPU"
    table = Table("", "images/s", "beside lightly", f"{EPOCHS} epochs of {IMAGES:,}, calculated", title=device)
    beside = rates.get("lightly's DataLoader")
    for name, rate in rates.items():
        ratio = f"{rate / beside:.1f} ×" if beside else ""
        table.add_row(name, f"{rate:,.0f}", ratio, f"{EPOCHS * IMAGES / rate / 3600:,.1f} h")
    Console().print(table)


def _winnow(command: list[str], seconds: float) -> list[Moment]:
    """Run pretraining until it has trained for so long, and stop it as a person would."""
    moments: list[Moment] = []
    run = subprocess.Popen([sys.executable, "-m", "ml", *command], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    for line in run.stdout:
        event = json.loads(line)
        if event["event"] == "error" and not moments:
            raise SystemExit(event["message"])
        if event["event"] == "note":
            print(event["message"])
        if event["event"] == "figures":
            moments.append(Moment(time.perf_counter(), event["images"]))
            if moments[-1].seconds - moments[0].seconds > seconds:
                run.send_signal(signal.SIGTERM)
    run.wait()
    return moments


def _lightly(recipe: Recipe, folder: Path, seconds: float) -> list[Moment]:
    """Train as lightly's documentation shows, for so long."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    views, training = recipe.views, resolved(recipe, images=1_000_000).training
    transform = SimCLRTransform(
        input_size=views.side,
        cj_prob=views.jitter,
        cj_bright=views.brightness,
        cj_contrast=views.contrast,
        cj_sat=views.saturation,
        cj_hue=views.hue,
        min_scale=views.area[0],
        random_gray_scale=views.grey,
        gaussian_blur=views.blur,
        sigmas=views.sigma,
        hf_prob=views.flip,
    )
    assert isinstance(training.batch, int)
    loader = torch.utils.data.DataLoader(
        LightlyDataset(str(folder), transform=transform),
        batch_size=training.batch,
        shuffle=True,
        drop_last=True,
        num_workers=os.cpu_count() or 1,
        pin_memory=device.type == "cuda",
        persistent_workers=True,
    )
    backbone, dimension = make_backbone(recipe.network)
    head = SimCLRProjectionHead(dimension, recipe.network.head_hidden, recipe.network.head_output)
    network = torch.nn.Sequential(backbone, head).to(device)
    loss_of = NTXentLoss(temperature=recipe.method.temperature)
    optimiser = torch.optim.Adam(network.parameters(), lr=training.rate)

    moments = [Moment(time.perf_counter(), 0)]
    for (first, second), _, _ in _for_ever(loader):
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            outputs = [network(view.to(device, non_blocking=True)) for view in (first, second)]
            loss = loss_of(*outputs)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        loss.item()  # The step is done when its loss is known.
        moments.append(Moment(time.perf_counter(), moments[-1].images + len(first)))
        if moments[-1].seconds - moments[0].seconds > seconds:
            return moments
    raise AssertionError


def _for_ever(loader: torch.utils.data.DataLoader[object]) -> Iterator[object]:
    while True:
        yield from loader


def _rate(moments: list[Moment]) -> float:
    """Return images per second, without the run's beginning."""
    if len(moments) < 3:
        raise SystemExit("Too few steps in this time: give more --seconds, or a smaller batch.")
    begin, end = moments[0].seconds, moments[-1].seconds
    kept = [moment for moment in moments if moment.seconds >= begin + LEFT_OUT * (end - begin)]
    return (kept[-1].images - kept[0].images) / (kept[-1].seconds - kept[0].seconds)


if __name__ == "__main__":
    main()
