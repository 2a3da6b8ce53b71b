"""What embedding costs beside the least it could cost: decoding with Pillow and inference with ONNX Runtime, bare.

    python -m bench.embedding --images FOLDER [--count 2000] [--encoder DIR]

All three run on the same pictures, one thread each, taking turns; costs are processor time, so that others at work
on the machine disturb them little. The ratio of embedding to the sum of the two must be at most 1.3.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import onnxruntime
from PIL import Image
from rich.console import Console
from rich.table import Table

from ml.embed import embed
from ml.encoder import INPUT, OUTPUT, WEIGHTS, Encoder
from ml.folder import list_folder
from ml.images import ListedImage, read_rgb
from ml.progress import JsonLines

SHIPPED = Path(__file__).resolve().parent.parent / "ml" / "encoders" / "simclr-resnet18-96"
MAX_PIXELS = 100_000_000
ROUNDS = 3
MOST = 1.3


class Silent(JsonLines):
    """Progress that nobody waits for."""

    def _line(self, **event: object) -> None:
        pass


def main() -> int:
    """Print the table; exit code 1 if the ratio is above 1.3."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--encoder", type=Path, default=SHIPPED)
    parser.add_argument("--count", type=int, default=2000, help="how many pictures to take, evenly spread")
    options = parser.parse_args()

    count, costs = measured(options.images, encoder_folder=options.encoder, count=options.count)
    decode, inference, whole = costs.values()
    ratio = whole / (decode + inference)
    _print(count, costs, ratio)
    return int(ratio > MOST)


def measured(folder: Path, *, encoder_folder: Path, count: int) -> tuple[int, dict[str, float]]:
    """Return how many pictures were taken, and the seconds that each costs: decoded, inferred, embedded."""
    encoder = Encoder.open(encoder_folder, threads=1)
    listed, _ = list_folder(folder, Silent())
    images = [image for image in listed if image.record is None][:: max(1, len(listed) // count)]
    files = [image.path.read_bytes() for image in images]
    prepared = [encoder.prepare(read_rgb(file, max_pixels=MAX_PIXELS)) for file in files[: 8 * encoder.batch]]

    costs: dict[str, list[float]] = {"Pillow decode, bare": [], "ONNX Runtime, bare": [], "embed": []}
    for _ in range(ROUNDS):
        costs["Pillow decode, bare"].append(_seconds(lambda: _decode(files)) / len(files))
        costs["ONNX Runtime, bare"].append(_inference(encoder_folder, prepared, encoder.batch) / len(prepared))
        costs["embed"].append(_seconds(lambda: _embed(encoder, images)) / len(images))
    return len(images), {name: statistics.median(seconds) for name, seconds in costs.items()}


def _decode(files: list[bytes]) -> None:
    for file in files:
        Image.open(io.BytesIO(file)).convert("RGB")


def _inference(folder: Path, prepared: list[np.ndarray], batch: int) -> float:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / WEIGHTS, settings, providers=["CPUExecutionProvider"])
    batches = [
        np.stack(prepared[start : start + batch]).astype(np.float32) / 255 for start in range(0, len(prepared), batch)
    ]
    session.run([OUTPUT], {INPUT: batches[0]})
    return _seconds(lambda: [session.run([OUTPUT], {INPUT: pixels}) for pixels in batches])


def _embed(encoder: Encoder, images: list[ListedImage]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        embed(encoder, images, Path(folder), threads=1, max_pixels=MAX_PIXELS, progress=Silent())


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _print(count: int, costs: dict[str, float], ratio: float) -> None:
    table = Table("", "ms per picture", "pictures/s per core", title=f"{count:,} pictures")
    for name, seconds in costs.items():
        table.add_row(name, f"{1000 * seconds:.2f}", f"{1 / seconds:,.0f}")
    console = Console()
    console.print(table)
    console.print(f"embed / (decode + inference) = {ratio:.2f}, must be at most {MOST}")


if __name__ == "__main__":
    sys.exit(main())
