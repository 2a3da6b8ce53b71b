"""Make a large pool of distinct pictures from a small one, by seeded crops and flips.

    python -m bench.make_pool --source ../shared/data --out /tmp/pool-100k --count 100000

The pictures keep the folder that names their class: OUT/CLASS/000123.jpg. The same source, count and seed give
the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path

from PIL import Image

_SMALLEST_CROP = 0.75  # of the short side: the thing is still there to be seen
_JPEG_QUALITY = 90


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, required=True, help="a folder of JPEGs, each in its class's folder")
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sources = sorted(options.source.rglob("*.jpg"))
    if not sources:
        sys.exit(f"There is no JPEG in {options.source}.")
    if options.out.exists():
        sys.exit(f"{options.out} is there already; choose a new folder.")
    for name in {source.parent.name for source in sources}:
        (options.out / name).mkdir(parents=True)
    make_pool(sources, options.out, wanted=options.count, seed=options.seed)


def make_pool(sources: list[Path], out: Path, *, wanted: int, seed: int) -> None:
    """Write `wanted` files, no two of the same bytes, taking one of every source in turn."""
    made: set[bytes] = set()
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for version in count():
            turn = sources[: wanted - len(made)]
            for source, encoded in zip(
                turn, processes.map(partial(cut_out, version=version, seed=seed), turn, chunksize=64), strict=True
            ):
                digest = hashlib.sha256(encoded).digest()
                if digest not in made:
                    (out / source.parent.name / f"{len(made):06d}.jpg").write_bytes(encoded)
                    made.add(digest)
            sys.stderr.write(f"{len(made):,} of {wanted:,} pictures\n")
            if len(made) == wanted:
                return


def cut_out(source: Path, *, version: int, seed: int) -> bytes:
    """Return a square part of a picture, mirrored or not, as a JPEG whose sides are the picture's short side."""
    chance = random.Random(f"{seed} {version} {source.parent.name} {source.name}")
    with Image.open(source) as picture:
        short = min(picture.size)
        side = chance.randint(round(_SMALLEST_CROP * short), short)
        left, top = (chance.randint(0, length - side) for length in picture.size)
        part = picture.convert("RGB").resize(
            (short, short), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side)
        )
    if chance.random() < 0.5:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    encoded = io.BytesIO()
    part.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded.getvalue()


if __name__ == "__main__":
    main()
