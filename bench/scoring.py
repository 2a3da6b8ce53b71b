"""Ranking a page beside a pass of BLAS over the same amount of memory, one thread each.

    python -m bench.scoring --index DIR
    python -m bench.scoring --made-up 1000000

BLAS reads an aligned copy of the vectors: in the mapped file they begin at an odd address, from which NumPy would
copy them at every call. All that is timed alternates, so that nothing has the quieter machine. The resident memory is
that of this process before the copy is made. Made-up vectors are random, of 512 numbers, with some structure.

A page is ranked after few verdicts and after many: what it costs must not grow with the pages done.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# As in the web process, and as many as FAISS's kernel uses.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import faiss
import numpy as np

from app.search.outlook import outlook
from app.search.ranking import REMEMBERED, SHORTLIST, Floats, best, corrected, learned_direction
from app.search.served_index import IndexShelf, ServedIndex
from ml.artifacts import IndexManifest, checksums, now, publishing

ROUNDS = 30
PAGE = 60
FEW_PAGES, MANY_PAGES = 5, 500
DIMENSION = 512
MOST = 1.5  # times the pass of BLAS
MEGABYTE = 1024**2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--index", type=Path, help="an index version")
    source.add_argument("--made-up", type=int, metavar="COUNT", help="so many random vectors instead")
    options = parser.parse_args()
    if options.index:
        sys.exit(measure(options.index.absolute()))
    with made_up(options.made_up) as folder:
        sys.exit(measure(folder))


def measure(folder: Path) -> bool:
    """Print what scoring and ranking take; return whether scoring takes longer than it may."""
    before = _resident()
    index = IndexShelf(folder.parent).open(folder.name)
    count = index.manifest.count
    direction = learned_direction(
        query=index.vectors[:1], accepted=index.vectors[:0], rejected=index.vectors[:0], pool=index.pool
    )
    scores = index.score(direction)
    size = index.vectors.nbytes
    print(f"{count:,} vectors of {index.manifest.dimension} numbers: {size / MEGABYTE:.0f} MB")
    print(f"resident memory: {before / MEGABYTE:.0f} MB before, {_resident() / MEGABYTE:.0f} MB after scoring all")

    copy = np.array(index.vectors)
    few, many = (Verdicts(index, scores, pages) for pages in (FEW_PAGES, MANY_PAGES))
    read, score, early, late, ahead = _medians(
        lambda: copy @ direction, lambda: index.score(direction), few.page, many.page, many.outlook
    )
    print(f"BLAS pass {read:.2f} ms, scoring {score:.2f} ms")
    for pages, spent in ((few.pages, early), (many.pages, late)):
        print(f"a page after {pages} pages of verdicts: {spent:.2f} ms, {spent - read:.2f} ms beyond the pass")
    print(f"the outlook, asked for beside it: {ahead:.2f} ms")
    ratio = score / read
    print(f"scoring takes {ratio:.2f} times the pass (at most {MOST})")
    return ratio > MOST


class Verdicts:
    """So many pages of verdicts on the best of an order, half of them accepted, and the ranking of the next page."""

    def __init__(self, index: ServedIndex, scores: Floats, pages: int) -> None:
        self.index = index
        self.pages = min(pages, index.manifest.count // (2 * PAGE))
        self.hidden = np.zeros(index.manifest.count, dtype=bool)
        seen = best(scores, hidden=self.hidden, count=self.pages * PAGE)
        self.hidden[seen] = True
        self.accepted, self.rejected = seen[::2], seen[1::2]
        self.direction, self.scores = self.ranked()

    def ranked(self) -> tuple[Floats, Floats]:
        direction = learned_direction(**self.examples, pool=self.index.pool)
        return direction, self.index.score(direction)

    def page(self) -> object:
        direction, scores = self.ranked()
        shortlist = best(scores, hidden=self.hidden, count=max(PAGE, SHORTLIST))
        right = corrected(self.index.vectors[shortlist], direction=direction, pool=self.index.pool, **self.examples)
        return shortlist[np.argsort(-right, kind="stable")][:PAGE]

    @property
    def examples(self) -> dict[str, Floats]:
        return {
            "query": self.index.vectors[:1],
            "accepted": self.index.vectors[self.accepted[-REMEMBERED:]],
            "rejected": self.index.vectors[self.rejected[-REMEMBERED:]],
        }

    def outlook(self) -> object:
        return outlook(
            query=self.index.vectors[:1],
            accepted=self.accepted,
            rejected=self.rejected,
            scores=self.scores,
            hidden=self.hidden,
            direction=self.direction,
            pool=self.index.pool,
            size=PAGE,
        )


@contextmanager
def made_up(count: int) -> Iterator[Path]:
    """Yield an index version of random unit vectors, whose spread differs by direction as that of pictures does."""
    random = np.random.default_rng(1)
    spread = np.geomspace(1, 0.05, DIMENSION, dtype=np.float32)
    index = faiss.IndexFlatIP(DIMENSION)
    total, products = np.zeros(DIMENSION), np.zeros((DIMENSION, DIMENSION))
    for start in range(0, count, 50_000):
        rows = random.standard_normal((min(50_000, count - start), DIMENSION), dtype=np.float32) * spread
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        index.add(rows)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    with tempfile.TemporaryDirectory() as place:
        with publishing(Path(place) / "made-up") as draft:
            faiss.write_index(index, str(draft / "index.faiss"))
            np.save(draft / "images.npy", random.integers(0, 256, (count, 32), dtype=np.uint8))
            np.savez(draft / "statistics.npz", mean=mean.astype(np.float32), covariance=covariance.astype(np.float32))
            (draft / "left_out.jsonl").touch()
            files = checksums(draft, ["index.faiss", "images.npy", "statistics.npz", "left_out.jsonl"])
            IndexManifest(
                encoder="made-up",
                encoder_digest="0" * 64,
                dimension=DIMENSION,
                count=count,
                left_out=0,
                files=files,
                created_at=now(),
            ).write(draft)
        del index
        yield Path(place) / "made-up"


def _medians(*actions: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of each, called in turn."""
    spent = np.empty((ROUNDS, len(actions)))
    for turn in range(ROUNDS):
        for number, action in enumerate(actions):
            begin = time.perf_counter()
            action()
            spent[turn, number] = 1000 * (time.perf_counter() - begin)
    return [float(value) for value in np.median(spent, axis=0)]


def _resident() -> int:
    """Return the bytes of memory that this process occupies now, shared ones included."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
