"""Scoring all vectors of an index version beside a pass of BLAS over the same amount of memory, one thread each.

    python -m bench.scoring --index DIR

BLAS reads an aligned copy of the vectors: in the mapped file they begin at an odd address, from which NumPy would
copy them at every call. Both alternate, so that neither has the quieter machine. The resident memory is that of
this process before the copy is made.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

# As in the web process, and as many as FAISS's kernel uses.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from app.search.ranking import best, learned_direction
from app.search.served_index import IndexShelf

ROUNDS = 50
PAGE = 60
MOST = 1.5  # times the pass of BLAS
MEGABYTE = 1024**2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path, required=True, help="an index version")
    folder = parser.parse_args().index.absolute()
    before = _resident()
    index = IndexShelf(folder.parent).open(folder.name)
    none = index.vectors[:0]
    direction = learned_direction(query=index.vectors[:1], accepted=none, rejected=none, pool=index.pool)
    hidden = np.zeros(index.manifest.count, dtype=bool)
    scores = index.score(direction)
    size = index.vectors.nbytes
    print(f"{index.manifest.count:,} vectors of {index.manifest.dimension} numbers: {size / MEGABYTE:.0f} MB")
    print(f"resident memory: {before / MEGABYTE:.0f} MB before, {_resident() / MEGABYTE:.0f} MB after scoring all")

    copy = np.array(index.vectors)
    read, score, choose = _medians(
        lambda: copy @ direction,
        lambda: index.score(direction),
        lambda: best(scores, hidden=hidden, count=PAGE),
    )
    print(f"BLAS pass {read:.2f} ms, scoring {score:.2f} ms, best {PAGE} of all {choose:.2f} ms")
    ratio = score / read
    print(f"scoring takes {ratio:.2f} times the pass (at most {MOST})")
    sys.exit(ratio > MOST)


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
