"""What the outlook foretells, beside what came: the purity of the next page, and how many matches were left."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.search.outlook import Outlook, PageResult, outlook
from app.search.ranking import REMEMBERED, best, learned_direction
from bench.effort.annotators import Annotator
from bench.effort.pools import Pool

TOLD_PAGES = (1, 3, 5, 10, 20, 40)


@dataclass(frozen=True)
class Forecast:
    """An outlook after so many pages, and the truth."""

    class_name: str
    pages: int
    seen: Outlook
    last_purity: float  # of the page before, as the annotator left it
    purity: float  # of the page that came next
    left: int  # matches among what was undecided
    recall: float  # the share of the class that had been shown
    chances: NDArray[np.float64]  # (10, 3) by tenths of the chance foretold: images, the sum of their chances, matches


def forecasts(
    pool: Pool, query: int, annotator: Annotator, *, pages: int, size: int, overlooked: float
) -> list[Forecast]:
    """Play a review by Winnow's ranking, and look ahead after each of the told pages."""
    truth = pool.classes == pool.classes[query]
    vectors, wanted = pool.vectors, int(truth.sum()) - 1
    hidden = np.zeros(len(truth), dtype=bool)
    hidden[query] = True
    accepted = rejected = np.empty(0, dtype=np.intp)
    results: list[PageResult] = []
    made = []
    for number in range(pages + 1):
        direction = learned_direction(
            query=vectors[[query]],
            accepted=vectors[accepted[-REMEMBERED:]],
            rejected=vectors[rejected[-REMEMBERED:]],
            pool=pool.statistics,
        )
        scores = vectors @ direction
        page = best(scores, hidden=hidden, count=size)
        if not len(page):
            break
        if number in TOLD_PAGES:
            seen = outlook(
                query=vectors[[query]],
                accepted=accepted,
                rejected=rejected,
                scores=scores,
                hidden=hidden,
                direction=direction,
                pool=pool.statistics,
                size=size,
                pages=results[-4:],
                overlooked=overlooked,
            )
            left = int((truth & ~hidden).sum())
            chances = _by_chance(seen.probability(scores[~hidden]), truth[~hidden])
            last = results[-1].accepted / results[-1].shown
            name = str(pool.classes[query])
            made.append(
                Forecast(name, number, seen, last, float(truth[page].mean()), left, 1 - left / max(1, wanted), chances)
            )
        struck_out = annotator(truth[page])
        hidden[page] = True
        accepted = np.append(accepted, page[~struck_out])
        rejected = np.append(rejected, page[struck_out])
        results.append(PageResult(len(page), int((~struck_out).sum())))
    return made


def _by_chance(chances: NDArray[np.float32], matches: NDArray[np.bool_]) -> NDArray[np.float64]:
    tenths = np.minimum((10 * chances).astype(np.intp), 9)
    weights = (np.ones(len(tenths)), chances, matches)
    return np.stack([np.bincount(tenths, weight, minlength=10) for weight in weights], axis=1)


def print_forecasts(made: Sequence[Forecast]) -> None:
    """Print how far off the forecasts were: of all classes, and of those that no constant was chosen on."""
    print(
        f"{'':28}{'reviews':>8}{'purity, points off':>20}{'“as the last”':>15}{'within 90 %':>13}{'width':>7}"
        f"{'times off':>11}{'stop':>6}{'then found':>12}"
    )
    for name, part in (("", made), ("held-out classes, ", [one for one in made if held_out(one.class_name)])):
        for pages in TOLD_PAGES:
            _print_line(f"{name}page {pages}", [one for one in part if one.pages == pages])
        _print_line(f"{name}all of these", part)
    _print_chances(made)
    given_up = [one for one in made if one.pages == 3 and one.seen.stop and not one.seen.strip.accepted.any()]
    print(f"reviews that were said after three pages to find nothing, of classes that are there: {len(given_up)}")


def _print_chances(made: Sequence[Forecast]) -> None:
    images, chances, matches = np.sum([one.chances for one in made], axis=0).T
    cells = (f"{100 * c / n:.0f} → {100 * m / n:.0f}" for n, c, m in zip(images, chances, matches, strict=True) if n)
    print(f"chance of a match foretold → came, %, by tenths: {', '.join(cells)}")


def held_out(class_name: str) -> bool:
    """Return whether the outlook's constants were chosen without this class: a half of all, by their names alone."""
    return zlib.crc32(class_name.encode()) % 2 == 1


def _print_line(name: str, made: Sequence[Forecast]) -> None:
    if not made:
        return
    off = [abs(one.seen.next_purity - one.purity) for one in made]
    naive = [abs(one.last_purity - one.purity) for one in made]
    within = [one.seen.low <= one.left <= one.seen.high for one in made]
    width = [(one.seen.high - one.seen.low) / max(1, one.seen.left) for one in made]
    times = np.exp(np.abs([np.log((one.seen.left + 2) / (one.left + 2)) for one in made]))
    stops = [one.recall for one in made if one.seen.stop]
    print(
        f"{name:28}{len(made):8}{100 * np.mean(off):20.1f}{100 * np.mean(naive):15.1f}{100 * np.mean(within):12.0f}%"
        f"{np.median(width):7.1f}{np.median(times):11.2f}{100 * len(stops) / len(made):5.0f}%"
        + (f"{100 * np.mean(stops):11.1f}%" if stops else f"{'–':>12}")
    )
