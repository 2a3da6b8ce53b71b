"""The tables that the command prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bench.effort import figures
from bench.effort.costs import ONE_BY_ONE
from bench.effort.playing import Course

Courses = Mapping[str, Sequence[Course]]  # by the rule's name

TOLD_PAGES = (1, 3, 5, 10, 20, 40)
LEVELS = (0.5, 0.8, 0.95)
# A class of fewer images than this is also judged by what is found in so many looks as it has images.
SMALL = 600
_WIDTH = 18


def print_courses(courses: Courses, *, pages: int, images: int) -> None:
    """Print all tables of one pool and one annotator. `images` is the pool's size."""
    told = [page for page in TOLD_PAGES if page <= pages]
    for what, figure in (("recall", figures.recall), ("purity of all pages so far", figures.purity)):
        print(f"\n{what}, % after pages: mean (mean of the worst tenth)")
        print(f"{'':{_WIDTH}}" + "".join(f"{page:>14}" for page in told))
        for name, runs in courses.items():
            print(f"{name:{_WIDTH}}" + "".join(_cell([figure(run, page) for run in runs]) for page in told))
    _print_over_all(courses, pages)
    _print_reach(courses, images)
    _print_small(courses)


def print_classes(runs: Sequence[Course], *, pages: int) -> None:
    """Print recall and purity of each class for one rule."""
    told = [page for page in TOLD_PAGES if page <= pages]
    print(f"\nWinnow, class by class: recall / purity, % after pages {', '.join(map(str, told))}")
    for name in sorted({run.class_name for run in runs}):
        own = [run for run in runs if run.class_name == name]
        cells = (
            f"{_percent(own, lambda run, page=page: figures.recall(run, page)):5.1f} /"
            f"{_percent(own, lambda run, page=page: figures.purity(run, page)):5.1f}"
            for page in told
        )
        print(f"{name:22}{own[0].wanted + 1:6,}   " + "   ".join(cells))


def _print_over_all(courses: Courses, pages: int) -> None:
    print(
        f"\nrecall after {pages} pages and its 95 % interval; pages 2 to 10 (worst tenth); labels that are right; time"
    )
    for name, runs in courses.items():
        recalls = [figures.recall(run, pages) for run in runs]
        low, high = figures.interval(recalls)
        purities = [figures.purity_between(run, 2, 10) for run in runs]
        print(
            f"{name:{_WIDTH}}{100 * np.mean(recalls):6.1f} [{100 * low:.1f}, {100 * high:.1f}]"
            f"   purity {_cell([purity for purity in purities if not np.isnan(purity)])}"
            f"   precision {_percent(runs, figures.precision):5.1f}"
            f"   {np.mean([run.milliseconds for run in runs]):6.1f} ms a page"
        )


def _print_reach(courses: Courses, images: int) -> None:
    print(
        "\ntiles looked at / seconds for each right label, to reach a recall of: medians; – where half do not get there"
    )
    print(f"{'':{_WIDTH}}" + "".join(f"{f'{100 * level:.0f} %':>18}" for level in LEVELS))
    for name, runs in courses.items():
        cells = [np.median([figures.reach(run, level) for run in runs], axis=0) for level in LEVELS]
        print(f"{name:{_WIDTH}}" + "".join(f"{_reached(*cell):>18}" for cell in cells))
    # Nothing to simulate: whoever looks at random images finds a share of the class in that share of the pool.
    sizes = [run.wanted + 1 for run in next(iter(courses.values()))]
    each = ONE_BY_ONE * images / float(np.median(sizes))
    print(f"{'one by one':{_WIDTH}}" + "".join(f"{_reached(level * images, each):>18}" for level in LEVELS))


def _print_small(courses: Courses) -> None:
    small = {name: [run for run in runs if run.wanted + 1 < SMALL] for name, runs in courses.items()}
    count = len(next(iter(small.values())))
    if not count:
        return
    print(
        f"\nclasses of fewer than {SMALL} images ({count} reviews): recall, % after looking at 1, 2, 3 times their size"
    )
    for name, runs in small.items():
        cells = (_cell([figures.recall_of_sizes(run, times) for run in runs]) for times in (1, 2, 3))
        print(f"{name:{_WIDTH}}" + "".join(cells))


def _cell(values: Sequence[float]) -> str:
    return f"{100 * np.mean(values):7.1f} ({100 * figures.worst_tenth(values):4.1f})"


def _percent(runs: Sequence[Course], figure: Callable[[Course], float]) -> float:
    return 100 * float(np.mean([figure(run) for run in runs]))


def _reached(tiles: float, each: float) -> str:
    return f"{tiles:,.0f} / {each:.2f} s" if np.isfinite(tiles) else "–"
