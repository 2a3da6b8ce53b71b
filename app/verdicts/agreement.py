"""How far people agree: raw, Cohen's and Fleiss' kappa. Pure: no database, no web.

All speak of images that at least two people judged; which answers there are does not matter. A kappa is the agreement
beyond chance, as a share of what chance leaves: 1 is perfect, 0 is chance. Where all answers are one and the same,
chance would agree as well, and a kappa is None.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple


class Answer(NamedTuple):
    """What one person holds of one image; each person has at most one for each."""

    image_id: int
    person_id: int
    value: str


@dataclass(frozen=True)
class Pair:
    """Two people, over the images that both judged."""

    people: tuple[int, int]  # the smaller id first
    images: int
    raw: float  # the share on which they agree
    kappa: float | None


@dataclass(frozen=True)
class Agreement:
    """All people together, over the images that at least two judged."""

    images: int
    raw: float | None  # the share of pairs of people that agree, image by image, then the mean; None without images
    fleiss: float | None
    pairs: list[Pair]  # those with the most images in common first


def agreement(answers: Iterable[Answer]) -> Agreement:
    """Return how far people agree. Images that one person alone judged count for nothing."""
    by_image: dict[int, dict[int, str]] = defaultdict(dict)
    for answer in answers:
        by_image[answer.image_id][answer.person_id] = answer.value
    judged = [people for people in by_image.values() if len(people) > 1]
    tables = [Counter(people.values()) for people in judged]
    return Agreement(
        images=len(judged),
        raw=sum(map(_agreeing, tables)) / len(tables) if tables else None,
        fleiss=fleiss_kappa(tables),
        pairs=_pairs(judged),
    )


def cohens_kappa(answers: Sequence[tuple[str, str]]) -> float | None:
    """Return the kappa of two people from their two answers to each image (Cohen 1960)."""
    if not answers:
        return None
    observed = sum(one == other for one, other in answers) / len(answers)
    first, second = (Counter(column) for column in zip(*answers, strict=True))
    chance = sum(first[value] * second[value] for value in first) / len(answers) ** 2
    return _beyond_chance(observed, chance)


def fleiss_kappa(tables: Sequence[Mapping[str, int]]) -> float | None:
    """Return the kappa of many people, from how often each answer was given to each image, at least two answers each.

    Fleiss (1971), for unequal numbers of answers as in Gwet, Handbook of Inter-Rater Reliability (4th ed., 2014),
    chapter 2: every image counts the same, in the agreement and in the shares by which chance would agree.
    """
    if not tables:
        return None
    shares: dict[str, float] = defaultdict(float)
    for table in tables:
        for value, count in table.items():
            shares[value] += count / sum(table.values()) / len(tables)
    observed = sum(map(_agreeing, tables)) / len(tables)
    return _beyond_chance(observed, sum(share**2 for share in shares.values()))


def _agreeing(table: Mapping[str, int]) -> float:
    """Return the share of pairs of people who give the same answer to an image."""
    answers = sum(table.values())
    return sum(count * (count - 1) for count in table.values()) / (answers * (answers - 1))


def _pairs(judged: Iterable[Mapping[int, str]]) -> list[Pair]:
    common: dict[tuple[int, int], list[tuple[str, str]]] = defaultdict(list)
    for people in judged:
        for one, other in combinations(sorted(people), 2):
            common[one, other].append((people[one], people[other]))
    pairs = [
        Pair(people, len(answers), sum(one == other for one, other in answers) / len(answers), cohens_kappa(answers))
        for people, answers in common.items()
    ]
    return sorted(pairs, key=lambda pair: (-pair.images, pair.people))


def _beyond_chance(observed: float, chance: float) -> float | None:
    # One answer alone: its shares add up to one, but for what is lost in adding.
    return None if chance > 1 - 1e-12 else (observed - chance) / (1 - chance)
