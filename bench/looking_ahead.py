"""What an outlook costs before a page: processor time, for pools of 100,000 and of a million images.

    python -m bench.looking_ahead

Scores, vectors and verdicts are drawn by a fixed seed; as many verdicts are learned from as ever are.
"""

from __future__ import annotations

import os
import time

# As in the web process.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from app.search.outlook import PageResult, outlook
from app.search.ranking import REMEMBERED, PoolStatistics

COUNTS = (100_000, 1_000_000)
DIMENSION, PAGE, ROUNDS = 512, 60, 50


def main() -> None:
    for count in COUNTS:
        times = _milliseconds(count)
        print(f"{count:,} images: {np.median(times):.1f} ms, at the 95th percentile {np.quantile(times, 0.95):.1f} ms")


def _milliseconds(count: int) -> list[float]:
    random = np.random.default_rng(0)
    scores = (0.1 * random.standard_normal(count)).astype(np.float32)
    decided = np.argsort(-scores)[: 2 * REMEMBERED]
    hidden = np.zeros(count, dtype=bool)
    hidden[decided] = True
    covariance = np.eye(DIMENSION, dtype=np.float32) / DIMENSION
    direction = np.full(DIMENSION, DIMENSION**-0.5, dtype=np.float32)
    spent = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        outlook(
            query=direction[np.newaxis],
            accepted=decided[::2],
            rejected=decided[1::2],
            scores=scores,
            hidden=hidden,
            direction=direction,
            pool=PoolStatistics(np.zeros(DIMENSION, dtype=np.float32), covariance, count),
            size=PAGE,
            pages=[PageResult(PAGE, PAGE // 2)],
        )
        spent.append(1000 * (time.process_time() - begin))
    return spent


if __name__ == "__main__":
    main()
