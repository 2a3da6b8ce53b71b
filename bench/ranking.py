"""How much of a class a review finds, page by page, with a perfect annotator: Winnow's ranking beside three others.

    python -m bench.ranking --images ../shared/data/imagenette-96
    python -m bench.ranking --index DIR --truth truth.json

The first embeds and indexes the pictures by the real commands, once, into a cache. The truth is a JSON object from
image id to class, or a folder whose pictures lie in a folder of their class's name. Every review starts from one
picture; what is shown and is not of its class is rejected. Queries are drawn by a fixed seed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# As in the web process.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from app.search.ranking import Floats, PoolStatistics, best, learned_direction
from app.search.served_index import ServedIndex
from ml.images import SUFFIXES

ENCODER = Path(__file__).resolve().parent.parent / "ml" / "encoders" / "simclr-resnet18-96"
TOLD_PAGES = (1, 3, 5, 10, 20, 40)

Rule = Callable[..., Floats]


@dataclass(frozen=True)
class Course:
    """How one review went."""

    recall: NDArray[np.float64]  # found of what there was to find, after each page
    purity: NDArray[np.float64]  # matches among all shown, after each page
    milliseconds: float  # a page: direction, scores, choice


def main() -> None:
    options = _options()
    index_folder, truth = (
        (_indexed(options.images, options.cache), options.images)
        if options.images
        else (options.index, options.truth or options.index)
    )
    index = ServedIndex.open(index_folder)
    classes = _classes(index, truth)
    queries = _queries(classes, options.queries_per_class, options.smallest_class, options.seed)
    names = np.unique(classes[queries])
    print(f"{len(classes):,} images, {len(queries)} reviews of {len(names)} classes, pages of {options.size}")
    courses = {
        name: [review(index, classes, query, rule, options.pages, options.size) for query in queries]
        for name, rule in RULES.items()
    }
    _print_table("recall", courses, options.pages)
    _print_table("purity", courses, options.pages)
    _print_comparison(courses)


def review(index: ServedIndex, classes: NDArray[np.str_], query: int, rule: Rule, pages: int, size: int) -> Course:
    """Play a perfect annotator: accept what is of the query's class, reject the rest, page after page."""
    matches = classes == classes[query]
    hidden = np.zeros(len(classes), dtype=bool)
    hidden[query] = True
    accepted, rejected = np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    found, shown, seconds = [], [], 0.0
    for _ in range(pages):
        begin = time.perf_counter()
        direction = rule(
            query=index.vectors[[query]],
            accepted=index.vectors[accepted],
            rejected=index.vectors[rejected],
            pool=index.pool,
        )
        page = best(index.score(direction), hidden=hidden, count=size)
        seconds += time.perf_counter() - begin
        hidden[page] = True
        accepted = np.concatenate([accepted, page[matches[page]]])
        rejected = np.concatenate([rejected, page[~matches[page]]])
        found.append(len(accepted))
        shown.append(len(accepted) + len(rejected))
    return Course(np.divide(found, matches.sum() - 1), np.divide(found, shown), 1000 * seconds / pages)


def cosine(*, query: Floats, accepted: Floats, rejected: Floats, pool: PoolStatistics) -> Floats:
    """The source article's order: nearest to the query, whatever the verdicts."""
    return np.asarray(query.mean(axis=0))


def fiftyone(*, query: Floats, accepted: Floats, rejected: Floats, pool: PoolStatistics) -> Floats:
    """FiftyOne's rule: twice the mean of what is accepted less the mean of what is rejected."""
    return np.asarray(2 * np.concatenate([query, accepted]).mean(axis=0) - _mean(rejected, or_else=0 * pool.mean))


def whitened_rocchio(*, query: Floats, accepted: Floats, rejected: Floats, pool: PoolStatistics) -> Floats:
    """Rocchio's means, away from the pool's mean, where the pool's spread is the same in all directions."""
    towards = np.concatenate([query, accepted]).mean(axis=0) - pool.mean
    away = _mean(rejected, or_else=pool.mean) - pool.mean
    dimension = len(pool.mean)
    shrunk = 0.9 * pool.covariance + 0.1 * np.trace(pool.covariance) / dimension * np.eye(dimension)
    return np.linalg.solve(shrunk, towards - 0.5 * away).astype(np.float32)


RULES: dict[str, Rule] = {
    "cosine order": cosine,
    "FiftyOne's rule": fiftyone,
    "whitened Rocchio": whitened_rocchio,
    "Winnow": learned_direction,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, help="pictures in folders of their classes, to be embedded first")
    source.add_argument("--index", type=Path, help="an index version")
    parser.add_argument("--truth", type=Path, help="JSON or folder; needed with --index")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "winnow-bench", help="(%(default)s)")
    parser.add_argument("--queries-per-class", type=int, default=10)
    parser.add_argument("--smallest-class", type=int, default=60, help="leave out smaller ones (%(default)s)")
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--size", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.index and not options.truth:
        parser.error("--index needs --truth")
    return options


def _indexed(images: Path, cache: Path) -> Path:
    name = f"{images.name}-{hashlib.sha256(str(images.resolve()).encode()).hexdigest()[:8]}"
    vectors, index = cache / f"{name}-vectors", cache / f"{name}-index"
    if not index.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for arguments in (
            ["embed", "--encoder", ENCODER, "--images", images, "--out", vectors],
            ["index", "--vectors", vectors, "--out", index],
        ):
            subprocess.run([sys.executable, "-m", "ml", *map(str, arguments), "--progress", "text"], check=True)
    return index


def _classes(index: ServedIndex, truth: Path) -> NDArray[np.str_]:
    if truth.is_dir():
        pictures = (path for path in truth.rglob("*") if path.suffix.lower() in SUFFIXES)
        class_of = {hashlib.sha256(path.read_bytes()).hexdigest(): path.parent.name for path in pictures}
    else:
        class_of = json.loads(truth.read_text())
    return np.array([class_of[digest.tobytes().hex()] for digest in index.digests])


def _queries(classes: NDArray[np.str_], per_class: int, smallest: int, seed: int) -> NDArray[np.intp]:
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(classes == name) for name in np.unique(classes)]
    return np.concatenate([random.choice(rows, per_class, replace=False) for rows in members if len(rows) >= smallest])


def _mean(vectors: Floats, *, or_else: Floats) -> Floats:
    return np.asarray(vectors.mean(axis=0)) if len(vectors) else or_else


def _print_table(what: str, courses: dict[str, list[Course]], pages: int) -> None:
    told = [page for page in TOLD_PAGES if page <= pages]
    print(f"\n{what}, % after pages: mean (mean of the worst tenth)")
    print(f"{'':18}" + "".join(f"{page:>15}" for page in told) + "     ms a page")
    for name, runs in courses.items():
        values = 100 * np.array([getattr(run, what) for run in runs])
        worst = np.sort(values, axis=0)[: max(1, len(values) // 10)].mean(axis=0)
        cells = "".join(f"{values[:, page - 1].mean():8.1f} ({worst[page - 1]:4.1f})" for page in told)
        print(f"{name:18}{cells}{np.mean([run.milliseconds for run in runs]):14.1f}")


def _print_comparison(courses: dict[str, list[Course]]) -> None:
    plain, ours = (np.array([run.recall[-1] for run in courses[name]]) for name in ("cosine order", "Winnow"))
    lost = 100 * np.maximum(0, plain - ours)
    print(f"\nWinnow finds {ours.mean() / plain.mean():.2f} times what cosine order finds.")
    print(
        f"{np.count_nonzero(lost)} of {len(lost)} reviews end below cosine order, by {lost.max():.1f} points at most."
    )


if __name__ == "__main__":
    main()
