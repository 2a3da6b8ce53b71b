"""Accepting a lot by a random sample: what may be said of all when a few were looked at. Pure.

A lot is fixed before its sample is drawn, and its images are looked at in random order. What is stated is about this
lot alone, as a count of its images, and by what the annotator rejects: “at least so many of these would be kept by the
same person looking at all of them in the same way”. An image of the sample that is left unsure counts as rejected.
Whether a kept image does match is another question, which `catch_rate` and known negatives (planted ones) answer; they
are tiles beside the sample, and counted in neither the lot nor the sample.

One error of 5 % pays for everything that is stated of a lot. It is divided in equal parts among the looks that are
planned; where a catch rate is estimated, half of a look's part pays for the estimate. So all statements of a lot hold
together in at least 95 % of lots, whenever somebody stops. Why so: docs/decisions/0014-attention-and-sampling.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

CONFIDENCE = 0.95

# How many images have been seen by the end of each look.
ONE_LOOK = (60,)
THREE_LOOKS = (60, 120, 240)

# Below this share the sample speaks against accepting what nobody has seen: one label in ten may be wrong.
POOR = 0.9

# Halvings of the interval in which a catch rate is looked for: finer than any share is told.
_HALVINGS = 40


def looks_of(size: int, plan: Sequence[int] = ONE_LOOK) -> tuple[int, ...]:
    """Return the looks of a lot: the plan up to the look that would take in the whole lot, which then does.

    A lot no larger than the first look is looked at whole. The looks are fixed before the first one.
    """
    return (*(seen for seen in plan if seen < size), *([size] if size <= plan[-1] else []))


def next_look(looks: Sequence[int], seen: int) -> int | None:
    """Return how many images will have been seen by the end of the next look, None after the last one."""
    return next((look for look in looks if look > seen), None)


def confidence_of_a_look(looks: Sequence[int], confidence: float = CONFIDENCE) -> float:
    """Return the confidence with which each look is stated, so that all of them hold together with `confidence`.

    The parts are equal: whichever look somebody stops at, it says the same multiple of what it could have said alone.
    """
    return 1 - (1 - confidence) / len(looks)


def matches_at_least(size: int, seen: int, rejected: int, confidence: float, *, catch_rate: float = 1.0) -> int:
    """Return the exact lower bound on the matches in a lot of which `seen` were looked at, all `size` as drawn.

    If a wrong image is caught with a chance of at least `catch_rate`, the bound holds in at least `confidence` of
    samples, whatever the lot holds: it is the least number of matches with which so few rejections are still more
    likely than 1 − confidence. The ways to draw a sample are counted in integers. The time grows with `seen`, not with
    `size`. Raises ValueError for counts that cannot be.
    """
    if not (0 <= rejected <= seen <= size and 0 < confidence < 1 and 0 <= catch_rate <= 1):
        raise ValueError(f"{rejected} rejected of {seen} seen of {size}, confidence {confidence}, {catch_rate} caught")
    error = 1 - confidence
    so_few = _chances_of_so_few(seen, rejected, catch_rate)
    # The more are wrong, the less likely it is that so few are rejected.
    possible, too_many = rejected, size + 1
    while too_many - possible > 1:
        wrong = (possible + too_many) // 2
        if _chance_of_so_few(size, wrong, seen, so_few) > error:
            possible = wrong
        else:
            too_many = wrong
    return size - possible


def share_at_least(size: int, seen: int, rejected: int, confidence: float, *, catch_rate: float = 1.0) -> float:
    """Return the bound as a share of the whole lot, the rejected ones included; 1 for an empty lot."""
    return _share(matches_at_least(size, seen, rejected, confidence, catch_rate=catch_rate), size)


def labels_at_least(size: int, seen: int, rejected: int, confidence: float, *, catch_rate: float = 1.0) -> float:
    """Return the bound as a share of what would be labelled: the lot without the rejected ones.

    It holds together with the share of the lot, at no further cost: the rejected ones are known.
    """
    return _share(
        matches_at_least(size, seen, rejected, confidence, catch_rate=catch_rate),
        size - rejected,
    )


def share_estimate(seen: int, rejected: int) -> float | None:
    """Return the share of the sample that was kept, the likeliest one for the lot; None before anything was seen."""
    return (seen - rejected) / seen if seen else None


def catch_rate_at_least(planted: int, caught: int, confidence: float) -> float:
    """Return the exact lower limit (Clopper & Pearson) of the chance that a wrong image is caught.

    It is 0 where none was caught or planted. It speaks of images that are as hard to see as the planted ones.
    """
    if not 0 <= caught <= planted:
        raise ValueError(f"{caught} caught of {planted} planted")
    if caught == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        rate = (low + high) / 2
        if _chance_of_so_many(planted, caught, rate) <= 1 - confidence:
            low = rate
        else:
            high = rate
    return low


def corrected(
    size: int, seen: int, rejected: int, *, planted: int, caught: int, confidence: float = CONFIDENCE
) -> float:
    """Return the bound on the share of matches in the lot for a person who overlooks some of what is wrong.

    `caught` of `planted` known negatives, shown among images like these, tell how often. Half of the error pays for
    the limit of the catch rate, half for the sample, so both hold in at least `confidence` of cases. It assumes that
    each wrong image is caught as readily as a planted one, independently. Nothing planted, or nothing caught: 0.
    """
    half = 1 - (1 - confidence) / 2
    rate = catch_rate_at_least(planted, caught, half)
    return share_at_least(size, seen, rejected, half, catch_rate=rate)


def restated(size: int, matches: int, rejected: int) -> float | None:
    """Return the bound for what is left of a lot's labels, when `rejected` in all, before and after, are known.

    `matches` is the bound that was stated (`matches_at_least`; from the share of the lot it is round(share * size)).
    As long as it is true of the lot, this is true of the rest, whoever rejected them and however they were come upon.
    None where more were rejected than it allowed for: then it was one of the wrong statements, and nothing may be said
    of the rest until it is sampled anew.
    """
    return _share(matches, size - rejected) if matches <= size - rejected else None


def told(size: int, seen: int, rejected: int, *, bound: float, confidence: float = CONFIDENCE) -> str:
    """Return what a person reads when a look is done. `bound` is the share of the lot; shares are rounded down."""
    if seen == size:
        return f"All {size:,} were looked at: {size - rejected:,} match."
    sentence = f"At least {percent(bound)} of these {size:,} match, with {percent(confidence)} confidence."
    if bound >= POOR:
        return sentence
    return (
        f"{sentence} That is too few to accept what nobody has seen: {rejected:,} of {seen:,} were rejected, so about "
        f"{percent((seen - rejected) / seen)} match. Take fewer, or look at all of them."
    )


def told_again(left: int, share: float | None, *, confidence: float = CONFIDENCE) -> str:
    """Return what a person reads of a lot whose labels were partly rejected later, with what `restated` returned."""
    if share is None:
        return "More of these were rejected later than the sample had allowed for: its statement does not hold."
    return f"At least {percent(share)} of the {left:,} that are left match, with {percent(confidence)} confidence."


def percent(share: float) -> str:
    """Return a share with one decimal, rounded down, so that “at least” stays true: 0.95375 is 95.3 %."""
    tenths = math.floor(1000 * share + 1e-9)
    return f"{tenths // 10} %" if tenths % 10 == 0 else f"{tenths / 10:.1f} %"


def _chance_of_so_few(size: int, wrong: int, seen: int, so_few: Sequence[float]) -> float:
    """Return the chance of so few rejections in a sample, if so many of the lot are wrong."""
    all_ways = math.comb(size, seen)
    # The ways are long numbers: those that count for nothing, the last ones, are not worked out.
    return math.fsum(chance * (ways / all_ways) for chance, ways in zip(so_few, _ways(size, wrong, seen), strict=False))


def _ways(size: int, wrong: int, seen: int) -> Iterator[int]:
    """Yield in how many ways a sample can hold 0, 1, … `seen` of the wrong ones."""
    right = size - wrong
    least = max(0, seen - right)
    ways = math.comb(wrong, least) * math.comb(right, seen - least)
    for held in range(seen + 1):
        if held < least or held > wrong:
            yield 0
        else:
            yield ways
            ways = ways * (wrong - held) * (seen - held) // ((held + 1) * (right - seen + held + 1))


def _chances_of_so_few(most: int, rejected: int, catch_rate: float) -> list[float]:
    """Return for 0, 1, … `most` wrong images seen the chance that at most `rejected` of them are caught.

    The list ends early where the chance has become 0.
    """
    chances = [1.0]
    # caught[k]: the chance that k are caught of those so far; what goes beyond `rejected` is dropped.
    caught = [1.0] + [0.0] * rejected
    for _ in range(most):
        for k in range(rejected, 0, -1):
            caught[k] += catch_rate * (caught[k - 1] - caught[k])
        caught[0] *= 1 - catch_rate
        chances.append(math.fsum(caught))
        if chances[-1] == 0:
            break
    return chances


def _chance_of_so_many(planted: int, caught: int, rate: float) -> float:
    """Return the chance that at least so many of the planted ones are caught, at a rate above 0 and below 1."""
    return math.fsum(
        math.exp(
            math.lgamma(planted + 1)
            - math.lgamma(k + 1)
            - math.lgamma(planted - k + 1)
            + k * math.log(rate)
            + (planted - k) * math.log1p(-rate)
        )
        for k in range(caught, planted + 1)
    )


def _share(matches: int, of: int) -> float:
    return matches / of if of else 1.0
