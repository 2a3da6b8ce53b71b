"""What an import costs beside the least it could cost, and with embedding beside decoding and inference.

    python -m bench.importing --images FOLDER [--count 2000] [--encoder DIR]

Costs are processor time, so that others at work on the machine disturb them little; the import works on all cores.
The pictures are copied, so that the import has a folder of its own, on the same disk as its home.
Import and embedding together must cost at most 1.3 times what Pillow's decoding and ONNX Runtime's inference cost.
"""

from __future__ import annotations

import argparse
import io
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from app.db import Database
from app.migrations import upgrade
from app.pools.importing import import_folder
from app.pools.queries import create_pool
from app.pools.thumbnails import LARGE, SMALL, ThumbnailStore
from bench.embedding import MOST, ROUNDS, SHIPPED, measured
from ml.images import SUFFIXES

MAX_PIXELS = 100_000_000


def main() -> int:
    """Print the table; exit code 1 if the ratio is above 1.3."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--encoder", type=Path, default=SHIPPED)
    parser.add_argument("--count", type=int, default=2000, help="how many pictures to take, evenly spread")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        files = _copied(options.images, Path(scratch) / "pictures", options.count)
        rounds = [
            (_seconds(lambda: _decode(files)), _seconds(lambda: _decode_and_shrink(files)), _import(files))
            for _ in range(ROUNDS)
        ]
        decode, bare, imported = (statistics.median(each) / len(files) for each in zip(*rounds, strict=True))
        _, embedding = measured(files[0].parent, encoder_folder=options.encoder, count=len(files))
    inference, embedded = embedding["ONNX Runtime, bare"], embedding["embed"]
    ratio = (imported + embedded) / (decode + inference)

    table = Table("", "ms per picture", "pictures/s per core", title=f"{len(files):,} pictures")
    for name, seconds in {
        "Pillow decode, bare": decode,
        "Pillow decode and thumbnails, bare": bare,
        "import": imported,
        "ONNX Runtime, bare": inference,
        "embed": embedded,
        "import and embed": imported + embedded,
    }.items():
        table.add_row(name, f"{1000 * seconds:.2f}", f"{1 / seconds:,.0f}")
    console = Console()
    console.print(table)
    console.print(f"import / bare decode and thumbnails = {imported / bare:.2f}")
    console.print(f"(import + embed) / (decode + inference) = {ratio:.2f}, must be at most {MOST}")
    return int(ratio > MOST)


def _copied(folder: Path, target: Path, count: int) -> list[Path]:
    found = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES)
    target.mkdir()
    return [
        Path(shutil.copyfile(file, target / f"{number:06}{file.suffix}"))
        for number, file in enumerate(found[:: max(1, len(found) // count)])
    ]


def _decode(files: list[Path]) -> None:
    for file in files:
        Image.open(io.BytesIO(file.read_bytes())).convert("RGB")


def _decode_and_shrink(files: list[Path]) -> None:
    for file in files:
        picture = Image.open(io.BytesIO(file.read_bytes())).convert("RGB")
        for size in (LARGE, SMALL):
            if size == SMALL or max(picture.size) > SMALL:
                picture.thumbnail((size, size))
                picture.save(io.BytesIO(), "WEBP", method=2, quality=80)


def _import(files: list[Path]) -> float:
    with tempfile.TemporaryDirectory(dir=files[0].parent.parent) as home:
        database = Database(f"sqlite:///{home}/winnow.db")
        upgrade(database)
        with database.write() as session:
            pool_id = create_pool(session, name="bench").id
        spent = _seconds(
            lambda: import_folder(
                database,
                ThumbnailStore(Path(home) / "thumbnails"),
                pool_id=pool_id,
                folder=files[0].parent,
                max_pixels=MAX_PIXELS,
                report=lambda *_: None,
                on_labelled=lambda *_: None,
            )
        )
        database.dispose()
    return spent


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
