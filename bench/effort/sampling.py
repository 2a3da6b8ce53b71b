"""Lots accepted by a random sample, out of real orders: do the statements hold, and what does a right label cost?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from app.verdicts import acceptance
from app.verdicts.acceptance import ONE_LOOK, POOR, THREE_LOOKS, confidence_of_a_look, looks_of
from bench.effort.annotators import Annotator, Marks, careless, missed, perfect
from bench.effort.costs import ONE_BY_ONE, TURN, seconds
from bench.effort.playing import Course
from bench.effort.stopping import Standing, Stopped

SIZES = (100, 200, 400, 800, 1600)
# Satisfied by so much: each person of a trial draws one of these.
_WANTED = (0.85, 0.9, 0.93)
_PAGE = 60
_PLANTED = (20, 60, 200)

PEOPLE: dict[str, Callable[[int], Annotator]] = {
    "perfect": lambda seed: perfect,
    "careless, no slips": lambda seed: careless(seed, slips=0),
    "careless": careless,
}

_share_at_least = cache(acceptance.share_at_least)
_corrected = cache(acceptance.corrected)


@dataclass(frozen=True)
class Sampled:
    """What became of one lot."""

    size: int
    seen: int
    rejected: int
    stated: float  # the bound on the share of matches at the look that was the last one
    highest: float  # of the bounds of all looks that were planned, seen or not: nobody could do better by stopping
    true: float  # the share of matches
    wanted: float
    accepted: bool  # the rest too, unseen
    was_seen: Marks  # (size,) in the lot's order
    labelled: Marks  # (size,) seen and kept, or accepted unseen
    matches: Marks  # (size,) by the truth
    seconds: float

    @property
    def labels(self) -> int:
        """How many labels came of it."""
        return int(self.labelled.sum())

    @property
    def right(self) -> int:
        """How many of these labels are right."""
        return int((self.labelled & self.matches).sum())


def sample(
    lot: Marks, person: Annotator, random: np.random.Generator, *, plan: Sequence[int], wanted: float
) -> Sampled:
    """Look at a lot in random order until a look's bound is as high as wanted, or all looks are done.

    If it is, all but the rejected ones are labelled, else those that were seen.
    """
    order = random.permutation(len(lot))
    looks = looks_of(len(lot), plan)
    pages = np.split(lot[order[: looks[-1]]], range(_PAGE, looks[-1], _PAGE))
    struck_out = np.concatenate([person(page) for page in pages])
    confidence = confidence_of_a_look(looks)
    bounds = [_share_at_least(len(lot), look, int(struck_out[:look].sum()), confidence) for look in looks]
    last = next((look for look, bound in enumerate(bounds) if bound >= wanted), len(looks) - 1)
    seen, accepted = looks[last], bounds[last] >= wanted
    was_seen = np.zeros(len(lot), dtype=bool)
    was_seen[order[:seen]] = True
    labelled = was_seen | accepted
    labelled[order[:seen][struck_out[:seen]]] = False
    ends = np.unique(np.minimum(np.arange(_PAGE, seen + _PAGE, _PAGE), seen))
    return Sampled(
        size=len(lot),
        seen=seen,
        rejected=int(struck_out[:seen].sum()),
        stated=bounds[last],
        highest=max(bounds),
        true=float(lot.mean()),
        wanted=wanted,
        accepted=accepted,
        was_seen=was_seen,
        labelled=labelled,
        matches=lot,
        # To accept the rest or to leave it is one more thing to make up one's mind about.
        seconds=float(seconds(struck_out[:seen], ends)[-1]) + TURN,
    )


def print_statements(stood: Sequence[Standing], *, trials: int) -> None:
    """Print how often what was stated is true, for each person, plan and catch rate, over so many lots."""
    expected = 100 * (0.95 - 3 * np.sqrt(0.95 * 0.05 / trials))
    print(f"\nstatements about {trials:,} lots: stated and true share, how many are true (at least {expected:.1f} %")
    print("wanted), lots accepted, and how many statements are true among those alone")
    for name, person in PEOPLE.items():
        for plan in (ONE_LOOK, THREE_LOOKS):
            done = _trials(stood, person, plan=plan, trials=trials)
            title = f"{name}, {'one look' if plan == ONE_LOOK else 'three looks, stopping when satisfied'}"
            _print_statement(title, done, [one.stated for one in done])
            if plan == THREE_LOOKS:
                _print_statement(f"{name}, three looks, the best of the three", done, [one.highest for one in done])
            elif name != "perfect":
                for planted in _PLANTED:
                    stated = _corrections(done, planted)
                    _print_statement(f"{name}, one look, corrected by {planted} planted", done, stated)


def print_costs(person: str, reviews: Sequence[Stopped], *, images: int) -> None:
    """Print what a right label costs with a lot after so many pages, by the pages before it and the lot's size.

    One by one is told twice: the pool as it comes, and in the same order.
    """
    courses = [review.course for review in reviews]
    chance = ONE_BY_ONE * images / float(np.median([course.wanted + 1 for course in courses]))
    print(f"\n{person} annotator, one look, lots accepted from a bound of {POOR}: seconds a right label; one by one as")
    print(f"the pool comes {chance:.2f}")
    print(f"{'pages':>6}{'lot':>6}{'accepted':>10}{'their labels right':>20}{'seconds':>9}", end="")
    print(f"{'all lots':>10}{'with pages':>12}{'one by one, same order':>24}{'fewer':>7}{'as it comes':>13}")
    for number in range(len(reviews[0].stood)):
        for size in SIZES:
            _print_cost(person, reviews, number=number, size=size, chance=chance)


def _trials(
    stood: Sequence[Standing], person: Callable[[int], Annotator], *, plan: Sequence[int], trials: int
) -> list[Sampled]:
    random = np.random.default_rng(1)
    orders = [one.ahead for one in stood if len(one.ahead)]
    done = []
    for trial in range(trials):
        ahead = orders[random.integers(len(orders))]
        lot = ahead[: random.choice(SIZES)]
        done.append(sample(lot, person(trial), random, plan=plan, wanted=float(random.choice(_WANTED))))
    return done


def _corrections(done: Sequence[Sampled], planted: int) -> list[float]:
    """Return the bounds corrected by known negatives, planted on pages on which as many are wrong as in the lot."""
    random = np.random.default_rng(0)
    caught = [int(random.binomial(planted, 1 - missed(1 - one.true))) for one in done]
    return [
        _corrected(one.size, one.seen, one.rejected, planted=planted, caught=k)
        for one, k in zip(done, caught, strict=True)
    ]


def _print_statement(title: str, done: Sequence[Sampled], stated: Sequence[float]) -> None:
    holds = np.array([bound <= one.true + 1e-12 for bound, one in zip(stated, done, strict=True)])
    accepted = np.array([bound >= one.wanted for bound, one in zip(stated, done, strict=True)])
    print(
        f"{title:58} stated {100 * np.mean(stated):5.1f}, true {100 * np.mean([one.true for one in done]):5.1f};"
        f" holds {100 * holds.mean():5.1f}; accepted {100 * accepted.mean():4.0f}"
        + (f", of which {100 * holds[accepted].mean():5.1f} hold" if accepted.any() else "")
    )


def _print_cost(person: str, reviews: Sequence[Stopped], *, number: int, size: int, chance: float) -> None:
    random = np.random.default_rng(2)
    stood = [(review.course, review.stood[number]) for review in reviews if len(review.stood[number].ahead)]
    if not stood:
        return
    done = [
        sample(one.ahead[:size], PEOPLE[person](seed), random, plan=ONE_LOOK, wanted=POOR)
        for seed, (_, one) in enumerate(stood)
    ]
    pages = stood[0][1].pages
    before = [_until(course, one.pages) for course, one in stood]
    spent, right = sum(s for s, _, _ in before), sum(r for _, r, _ in before)
    tiles = sum(t for _, _, t in before) + sum(one.size if one.accepted else one.seen for one in done)
    right_by_lot, lot_seconds = sum(one.right for one in done), sum(one.seconds for one in done)
    taken = [one for one in done if one.accepted]
    taken_right, taken_labels = sum(one.right for one in taken), sum(one.labels for one in taken)
    taken_seconds = sum(one.seconds for one in taken)
    alone = f"{100 * taken_right / max(1, taken_labels):.1f} %{taken_seconds / max(1, taken_right):>9.3f}"
    each = (spent + lot_seconds) / (right + right_by_lot)
    same = ONE_BY_ONE * tiles / (right + right_by_lot)
    print(
        f"{pages:>6}{size:>6}{100 * len(taken) / len(done):>8.0f} %{alone if taken else '':>29}"
        f"{lot_seconds / max(1, right_by_lot):>10.3f}{each:>12.3f}{same:>24.2f}"
        f"{same / each:>6.1f}×{chance / each:>12.1f}×"
    )


def _until(course: Course, pages: int) -> tuple[float, int, int]:
    """Return the seconds, the right labels and the tiles of the first pages."""
    ends = course.ends[:pages]
    struck_out, matches = course.struck_out[: ends[-1]], course.matches[: ends[-1]]
    return float(seconds(struck_out, ends)[-1]), int((matches & ~struck_out).sum()), int(ends[-1])
