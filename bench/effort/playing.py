"""A review, played in this process: page after page, by a rule and by an annotator."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.search.ranking import best
from bench.effort.annotators import Annotator
from bench.effort.pools import Pool
from bench.effort.rules import Rule


@dataclass(frozen=True)
class Course:
    """How one review went, tile by tile in the order in which they were looked at."""

    class_name: str
    wanted: int  # images of the class, the query left out
    matches: NDArray[np.bool_]  # (tiles,) by the truth
    struck_out: NDArray[np.bool_]  # (tiles,) by the annotator
    ends: NDArray[np.intp]  # (pages,) tiles looked at by the end of each page
    milliseconds: float  # a page: the order, and the choice from it


def play(pool: Pool, query: int, rule: Rule, annotator: Annotator, *, pages: int, size: int) -> Course:
    """Start from one image and go on for so many pages, or until nothing is left to show."""
    truth = pool.classes == pool.classes[query]
    hidden = np.zeros(len(truth), dtype=bool)
    hidden[query] = True
    shown = accepted = rejected = np.empty(0, dtype=np.intp)
    ends, seconds = [], 0.0
    begin = time.perf_counter()
    scorer = rule(pool.vectors, pool.statistics, query)
    for _ in range(pages):
        page = best(scorer(accepted, rejected), hidden=hidden, count=size)
        seconds += time.perf_counter() - begin
        if not len(page):
            break
        struck_out = annotator(truth[page])
        hidden[page] = True
        shown = np.concatenate([shown, page])
        accepted = np.concatenate([accepted, page[~struck_out]])
        rejected = np.concatenate([rejected, page[struck_out]])
        ends.append(len(shown))
        begin = time.perf_counter()
    return Course(
        str(pool.classes[query]),
        int(truth.sum()) - 1,
        truth[shown],
        np.isin(shown, rejected),
        np.array(ends, dtype=np.intp),
        1000 * seconds / max(1, len(ends)),
    )
