"""What it costs to label a class: annotators play reviews by Winnow's ranking, by others, and by two ceilings.

    python -m bench.effort --images PICTURES
    python -m bench.effort --images PICTURES --quick
    python -m bench.effort --images PICTURES --forecasts
    python -m bench.effort --url http://127.0.0.1:8000 --pool POOL
    python -m bench.effort --images PICTURES --sampling
    python -m bench.effort --images PICTURES --attention

PICTURES holds a folder for each pool, whose pictures lie in folders of their classes' names. They are embedded and
indexed by the real commands, once, into a cache. Every review starts from one picture, drawn by a fixed seed. A
server that runs is asked through its API; the truth is then the folder that an image's file lies in. Sampling accepts
lots out of the orders that such reviews come to; attention asks what careless people overlook on their pages.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# As in the web process.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from app.search.served_index import ServedIndex
from bench.effort import annotators, attention, ceiling, sampling, served
from bench.effort.annotators import Annotator
from bench.effort.forecasts import forecasts, print_forecasts
from bench.effort.lots import play_by_lots, print_lots
from bench.effort.playing import Course, play
from bench.effort.pools import Pool, indexed, pools, queries
from bench.effort.report import print_classes, print_courses
from bench.effort.rules import RULES
from bench.effort.stopping import STOPS, Stopped, stopped

CEILINGS = {"ceiling": ceiling.oracle, "held-out ceiling": ceiling.held_out}


def main(arguments: list[str] | None = None) -> None:
    options = _options(arguments)
    if options.url:
        _play_server(options)
        return
    index = ServedIndex.open(options.index or indexed(options.images, options.cache))
    for pool in pools(options.images, index):
        if not options.pools or pool.name in options.pools:
            if options.sampling or options.attention:
                _stop_reviews(pool, options)
            else:
                _play_pool(pool, options)


def _play_pool(pool: Pool, options: argparse.Namespace) -> None:
    starts = queries(pool, per_class=options.queries_per_class, smallest=options.smallest_class, seed=options.seed)
    if not len(starts):
        return
    rules = {**RULES, **{name: made(pool) for name, made in CEILINGS.items()}}
    chosen = {name: rules[name] for name in options.rules or rules}
    for kind in options.annotators:
        print(f"\n=== {pool.name}: {len(pool.vectors):,} images, {len(starts)} reviews, {kind} annotator", flush=True)
        if options.forecasts:
            played = (
                forecasts(
                    pool,
                    query,
                    _annotator(kind, query),
                    pages=options.pages,
                    size=options.size,
                    overlooked=options.overlooked,
                )
                for query in starts
            )
            print_forecasts([one for review in played for one in review])
            continue
        courses = {
            name: [
                play(pool, query, rule, _annotator(kind, query), pages=options.pages, size=options.size)
                for query in starts
            ]
            for name, rule in chosen.items()
        }
        print_courses(courses, pages=options.pages, images=len(pool.vectors))
        if "Winnow" in courses:
            print_classes(courses["Winnow"], pages=options.pages)


def _stop_reviews(pool: Pool, options: argparse.Namespace) -> None:
    starts = queries(pool, per_class=options.queries_per_class, smallest=options.smallest_class, seed=options.seed)
    if not len(starts):
        return
    print(f"\n=== {pool.name}: {len(pool.vectors):,} images, {len(starts)} reviews", flush=True)
    perfect, careless = (_stopped(pool, starts, kind, options) for kind in ("perfect", "careless"))
    if options.sampling:
        sampling.print_statements([one for review in perfect for one in review.stood], trials=options.trials)
        for kind, reviews in (("perfect", perfect), ("careless", careless)):
            sampling.print_costs(kind, reviews, images=len(pool.vectors))
            by_lots = [play_by_lots(pool, query, RULES["Winnow"], _annotator(kind, query)) for query in starts]
            print_lots(kind, by_lots, [review.course for review in reviews], images=len(pool.vectors))
    if options.attention:
        courses = [review.course for review in perfect]
        attention.print_arrangements(courses)
        attention.print_planted(courses)
        for stood in zip(*(review.stood for review in careless), strict=True):
            attention.print_second_looks(stood)


def _stopped(pool: Pool, starts: np.ndarray, kind: str, options: argparse.Namespace) -> list[Stopped]:
    after = [pages for pages in STOPS if pages < options.pages]
    return [
        stopped(pool, query, RULES["Winnow"], _annotator(kind, query), pages=options.pages, size=options.size, at=after)
        for query in starts
    ]


def _play_server(options: argparse.Namespace) -> None:
    api = served.connect(options.url)
    truth = served.truth_of(api, options.pool)
    images = sorted(truth)
    classes = np.array([truth[image] for image in images])
    none = np.zeros((len(images), 1), dtype=np.float32)
    starts = queries(
        Pool.of(options.pool, none, classes),
        per_class=options.queries_per_class,
        smallest=options.smallest_class,
        seed=options.seed,
    )
    for kind in options.annotators:
        print(f"\n=== {options.pool} at {options.url}: {len(images):,} images, {len(starts)} reviews, {kind} annotator")
        courses: list[Course] = [
            served.play_served(
                api,
                options.pool,
                truth,
                images[query],
                _annotator(kind, query),
                pages=options.pages,
                size=options.size,
            )
            for query in starts
        ]
        print_courses({"Winnow": courses}, pages=options.pages, images=len(images))
        print_classes(courses, pages=options.pages)


def _annotator(kind: str, query: int) -> Annotator:
    # Seeded by the query, so that all rules meet the same person.
    return annotators.perfect if kind == "perfect" else annotators.careless(int(query))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.effort", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, help="a folder that holds a folder for each pool")
    parser.add_argument("--index", type=Path, help="an index version of these pictures that is there already")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "winnow-bench", help="(%(default)s)")
    parser.add_argument("--pools", nargs="+", metavar="POOL", help="only these; “together” is all of them")
    parser.add_argument("--url", help="a running server")
    parser.add_argument("--pool", help="a pool of that server")
    parser.add_argument("--rules", nargs="+", choices=[*RULES, *CEILINGS], metavar="RULE", help="only these")
    parser.add_argument(
        "--annotators", nargs="+", choices=["perfect", "careless"], default=["perfect", "careless"], help="(both)"
    )
    parser.add_argument("--queries-per-class", type=int, default=10)
    parser.add_argument("--smallest-class", type=int, default=60, help="leave out smaller ones (%(default)s)")
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--size", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sampling", action="store_true", help="accept lots by a random sample")
    parser.add_argument("--attention", action="store_true", help="what careless people overlook")
    parser.add_argument("--trials", type=int, default=2000, help="lots for each line about statements (%(default)s)")
    parser.add_argument("--forecasts", action="store_true", help="what the outlook foretells, beside what came")
    parser.add_argument(
        "--overlooked", type=float, default=0.0, help="what the outlook is told of the annotator (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="one query of each larger class, 10 pages, perfect only")
    options = parser.parse_args(arguments)
    if bool(options.images) == bool(options.url) or bool(options.url) != bool(options.pool):
        parser.error("give --images, or --url and --pool")
    if options.url and (options.sampling or options.attention):
        parser.error("--sampling and --attention play in this process: give --images")
    if options.quick:
        options.queries_per_class, options.pages, options.annotators = 1, 10, ["perfect"]
        options.smallest_class = max(options.smallest_class, 200)
    return options


if __name__ == "__main__":
    main()
