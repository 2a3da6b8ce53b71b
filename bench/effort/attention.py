"""What careless people overlook: the order on a page, known negatives among it, and a second look. Simulated.

“Overlooked” is the expected share by `missed_in_order`, worked out and not drawn. The pages are those that perfect
reviews showed, so that all arrangements are judged by the same tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.effort import figures
from bench.effort.annotators import SLIPS, Chances, Marks, missed_in_order
from bench.effort.costs import LOOK, STRIKE_OUT, TURN
from bench.effort.playing import Course
from bench.effort.stopping import Standing

# How many tiles back a person's attention reaches: part of a page, a page, four pages.
MEMORIES = (12, 60, 240)
# So many of a page's tiles, those with the lowest scores, are the doubtful ones.
DOUBTFUL = 15
# Pages of which at most this share is wrong are told apart: there most is overlooked.
_NEARLY_PURE = 0.1
_PLANTED = (0, 0.2, 1, 2)
_SECOND = (60, 120, 240)
_PAGE = 60

Places = NDArray[np.intp]
Arrangement = Callable[[int, np.random.Generator], Places]  # tiles on the page -> their places in the order, best first


def doubtful_first(count: int, random: np.random.Generator) -> Places:
    """Put the doubtful ones at the start, the worst before all others."""
    return np.roll(doubtful_last(count, random), min(count, DOUBTFUL))


def doubtful_last(count: int, random: np.random.Generator) -> Places:
    """Put the doubtful ones at the end, the worst first among them."""
    rest = max(0, count - DOUBTFUL)
    return np.concatenate([np.arange(rest), np.arange(rest, count)[::-1]])


def best_first(count: int, random: np.random.Generator) -> Places:
    """Leave all in order: the doubtful ones are at the end anyway, the worst last."""
    return np.arange(count)


def shuffled(count: int, random: np.random.Generator) -> Places:
    """Put all anywhere."""
    return random.permutation(count)


ARRANGEMENTS: dict[str, Arrangement] = {
    "best first": best_first,
    "doubtful ones at the start": doubtful_first,
    "doubtful ones at the end": doubtful_last,
    "shuffled": shuffled,
}


@dataclass(frozen=True)
class Walk:
    """A review's tiles in the order in which they were looked at."""

    wrong: Marks  # the planted ones too
    planted: Marks
    nearly_pure: Marks  # on a page with few wrong ones, planted ones not counted
    chances: Chances  # that a tile is overlooked, if it is wrong

    @property
    def own(self) -> Marks:
        """What is wrong and was not planted."""
        return self.wrong & ~self.planted


def walk(course: Course, arrangement: Arrangement, *, memory: int, planted: float = 0, seed: int = 0) -> Walk:
    """Look at a review's pages, each arranged anew, with known negatives among them at random places.

    `planted` is how many there are on a page on the average: 0.2 puts one on every fifth page.
    """
    random = np.random.default_rng(seed)
    columns = []
    for number, page in enumerate(np.split(~course.matches, course.ends[:-1])):
        page = page[arrangement(len(page), random)]
        known = int(planted * (number + 1) + 1e-9) - int(planted * number + 1e-9)
        places = np.sort(random.integers(0, len(page) + 1, known))
        is_planted = np.insert(np.zeros(len(page), dtype=bool), places, True)
        columns.append(
            [np.insert(page, places, True), is_planted, np.full(len(is_planted), page.mean() <= _NEARLY_PURE)]
        )
    wrong, is_planted, nearly_pure = np.concatenate(columns, axis=1)
    return Walk(wrong, is_planted, nearly_pure, missed_in_order(wrong, memory=memory))


def print_arrangements(courses: Sequence[Course]) -> None:
    """Print what is overlooked by arrangement and memory, and how far each differs from best first."""
    for pages, only in (("all pages", False), (f"pages with at most {100 * _NEARLY_PURE:.0f} % wrong", True)):
        print(f"\noverlooked on {pages}, % of what is wrong there, {len(courses)} reviews: mean, difference from best")
        print("first and its 95 % interval over reviews; by how many tiles back attention reaches")
        print(f"{'':28}" + "".join(f"{memory:>28}" for memory in MEMORIES))
        for name, arrangement in ARRANGEMENTS.items():
            cells = (_arranged(courses, arrangement, memory, only) for memory in MEMORIES)
            print(f"{name:28}" + "".join(f"{cell:>28}" for cell in cells))


def print_planted(courses: Sequence[Course], *, memory: int = 60) -> None:
    """Print what planted ones change, what they cost, and how near their catch rate comes to that of the others."""
    pages = sum(len(course.ends) for course in courses)
    print(f"\nknown negatives, best first, attention reaching {memory} tiles back: how many on a page; caught of the")
    print(
        "others and of them, and how far a review's catch rate of them is from that of the others (root mean square);"
    )
    print("the same on nearly pure pages; seconds a page, and for each other one that is caught more")
    overlooked_without = None
    for planted in _PLANTED:
        walks = [walk(one, best_first, memory=memory, planted=planted, seed=i) for i, one in enumerate(courses)]
        everywhere = [np.ones(len(one.wrong), dtype=bool) for one in walks]
        line = f"{planted:>5}"
        for where in (everywhere, [one.nearly_pure for one in walks]):
            own = np.concatenate([one.chances[one.own & at] for one, at in zip(walks, where, strict=True)])
            known = np.concatenate([one.chances[one.planted & at] for one, at in zip(walks, where, strict=True)])
            line += f"   {100 * (1 - own.mean()) if len(own) else 0:5.1f} %"
            if len(known):
                line += f" {100 * (1 - known.mean()):5.1f} % ± {100 * _error(walks, where):4.1f}"
        overlooked = sum(float(one.chances[one.own].sum()) for one in walks)
        if overlooked_without is None:
            overlooked_without = overlooked
        else:
            more = overlooked_without - overlooked
            caught = sum(float((1 - one.chances[one.planted]).sum()) for one in walks)
            extra = LOOK * sum(int(one.planted.sum()) for one in walks) + STRIKE_OUT * (caught + more)
            line += f"   {extra / pages:.2f} s a page   {extra / more if more > 0 else np.inf:6.1f} s for one more"
        print(line)


def print_second_looks(stood: Sequence[Standing], *, memory: int = 60) -> None:
    """Print what a second look at accepted images removes, by which of them are shown and in what order."""
    accepted, wrong = np.mean([[len(one.accepted), np.sum(~one.accepted)] for one in stood], axis=0)
    print(f"\na second look after {stood[0].pages} pages of {len(stood)} careless reviews: {accepted:,.0f} accepted,")
    print(f"{wrong:.1f} of them wrong; attention reaching {memory} tiles back, dulled by a pure page before. Images")
    print("shown; wrong labels removed, right ones lost by slips; seconds for each wrong one removed")
    for name, doubtful, mixed in (
        ("the most doubtful, shuffled", True, True),
        ("the most doubtful, worst first", True, False),
        ("random ones", False, True),
    ):
        for count in _SECOND:
            removed, lost, spent = second_look(stood, count, doubtful=doubtful, mixed=mixed, memory=memory)
            told = f"{100 * removed / max(1e-9, wrong):5.1f} %   {lost:4.1f} lost"
            print(f"{name:32}{count:>5}   {told}   {spent / removed if removed else np.inf:6.1f} s")


def second_look(
    stood: Sequence[Standing], count: int, *, doubtful: bool, mixed: bool, memory: int, trials: int = 20
) -> tuple[float, float, float]:
    """Return the wrong labels removed, the right ones lost and the seconds, each expected and of one review."""
    random = np.random.default_rng(0)
    sums = np.zeros(3)
    for one in stood:
        for _ in range(trials):
            chosen = np.arange(len(one.accepted)) if doubtful else random.permutation(len(one.accepted))
            shown = ~one.accepted[random.permutation(chosen[:count]) if mixed else chosen[:count]]
            # Whoever begins comes from pages on which nothing was wrong.
            before = np.zeros(memory, dtype=bool)
            chances = missed_in_order(np.concatenate([before, shown]), memory=memory)[memory:]
            removed = float((1 - chances)[shown].sum())
            lost = SLIPS * float((~shown).sum())
            turns = TURN * np.ceil(len(shown) / _PAGE)
            sums += removed, lost, LOOK * len(shown) + STRIKE_OUT * (removed + lost) + turns
    removed, lost, spent = sums / (len(stood) * trials)
    return float(removed), float(lost), float(spent)


def _arranged(courses: Sequence[Course], arrangement: Arrangement, memory: int, only_nearly_pure: bool) -> str:
    shares = []
    for course in courses:
        walks = walk(course, arrangement, memory=memory), walk(course, best_first, memory=memory)
        counted = [one.own & (one.nearly_pure | (not only_nearly_pure)) for one in walks]
        if counted[0].any():
            shares.append([100 * one.chances[own].mean() for one, own in zip(walks, counted, strict=True)])
    if not shares:
        return "–"
    own, base = np.array(shares).T
    low, high = figures.interval(list(own - base))
    change = "" if arrangement is best_first else f" {np.mean(own - base):+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"{own.mean():.1f}{change}"


def _error(walks: Sequence[Walk], where: Sequence[Marks], trials: int = 40) -> float:
    """Return the root mean square of the difference between a review's catch rate of planted and of other ones."""
    random = np.random.default_rng(0)
    squares = []
    for one, at in zip(walks, where, strict=True):
        own, planted = one.chances[one.own & at], one.chances[one.planted & at]
        if len(own) and len(planted):
            drawn = random.random((trials, len(planted))) >= planted
            squares.append(float(((drawn.mean(axis=1) - (1 - own.mean())) ** 2).mean()))
    return float(np.sqrt(np.mean(squares))) if squares else 0.0
