"""Two index versions of a pool compared, on what its people have decided so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from app.jobs.outcome import better, sentence
from app.jobs.past import Decided, PastReview, decided, past_reviews
from app.registry.queries import VersionLine, image_rows
from app.search.measures import (
    Flags,
    Values,
    Vectors,
    Whole,
    interval,
    interval_of_change,
    named_by_neighbours,
    named_by_probe,
    precision,
)
from app.search.ranking import best
from app.search.replay import rejects_met
from app.search.served_index import ServedIndex

Told = Callable[[str, int, int], None]  # what is done, how far, of how much

DEPTHS = (10, 60)
# A class of fewer says more about its few images than about an encoder.
LEAST_IN_A_CLASS = 10

_MOST_LABELLED = 5000
_MOST_QUERIES = 300  # images whose neighbours are compared
_MOST_OF_A_CLASS = 100  # images of a class that are asked for their neighbours
_MOST_REVIEWS = 100
_SEED = 0
# A replay goes so far towards what the review accepted: with nothing else known to match, the last few would have to be
# the very same images, however deep another encoder puts them.
_SHARE = 0.9


@dataclass(frozen=True)
class Side:
    """One of the two versions, and its rows of the images that both hold."""

    index: ServedIndex
    rows: Whole  # (n,), in the same order of images on both sides

    def vectors(self, places: NDArray[np.integer]) -> Vectors:
        """Return the vectors of these of the images that both hold."""
        return np.asarray(self.index.vectors[self.rows[places]])


@dataclass(frozen=True)
class Both:
    """The images that both versions hold, and the two sides."""

    images: Whole  # their ids, rising
    first: Side
    second: Side

    def places(self, image_ids: set[int] | list[int]) -> Whole:
        """Return the places of these images among those that both hold, rising; the others are left out."""
        return np.flatnonzero(np.isin(self.images, list(image_ids)))


def compare(session: Session, indexes: Path, *, first: VersionLine, second: VersionLine, told: Told) -> dict[str, Any]:
    """Return the comparison as JSON holds it; the same database and folders give the same. Raises BadArtifact."""
    both = _opened(session, indexes, first, second)
    known = decided(session, pool_id=first.pool_id)
    notes: list[str] = []
    overlap = _overlap(both, told)
    measures, classes = _on_labels(both, known, notes, told)
    reviews = past_reviews(session, known, pool_id=first.pool_id, most=_MOST_REVIEWS)
    replayed = _replay(both, known, reviews, notes, told)
    names = {"first": _named(first), "second": _named(second)}
    found: dict[str, Any] = {
        **names,
        "images": len(both.images),
        "overlap": overlap,
        "measures": measures,
        "classes": classes,
        "replay": replayed,
        "notes": notes,
    }
    return {**found, "sentence": sentence(found), "better": better(found)}


def _opened(session: Session, indexes: Path, first: VersionLine, second: VersionLine) -> Both:
    opened = [ServedIndex.open(indexes / version.artifact) for version in (first, second)]
    one, other = (image_rows(session, pool_id=first.pool_id, digests=index.digests) for index in opened)
    common, *rows = np.intersect1d(one, other, return_indices=True)
    held = common >= 0  # by the pool, still
    sides = [Side(index, found[held].astype(np.int64)) for index, found in zip(opened, rows, strict=True)]
    return Both(common[held], *sides)


def _overlap(both: Both, told: Told) -> dict[str, Any]:
    """Return the share of neighbours that an image has under both versions, by how many are looked at."""
    shares: dict[int, list[float]] = {depth: [] for depth in DEPTHS}
    random = np.random.default_rng(_SEED)
    queries = random.choice(len(both.images), min(_MOST_QUERIES, len(both.images)), replace=False)
    for done, query in enumerate(queries):
        nearest = []
        for side in (both.first, both.second):
            scores = side.index.score(side.index.vectors[side.rows[query]])[side.rows]
            nearest.append(best(scores, hidden=np.array([query]), count=max(DEPTHS)))
        for depth in DEPTHS:
            (one, other) = (found[:depth] for found in nearest)
            if len(one):
                shares[depth].append(len(np.intersect1d(one, other)) / len(one))
        told("neighbours", done + 1, len(queries))
    return {str(depth): _figure(np.array(found)) for depth, found in shares.items() if found}


def _on_labels(both: Both, known: Decided, notes: list[str], told: Told) -> tuple[list[Any], list[Any]]:
    """Return how well the classes are told apart by each version, on the whole and class by class."""
    places, labels, names = _labelled(both, known)
    if len(names) < 2:
        notes.append(
            f"Neighbours and probe need at least two classes of {LEAST_IN_A_CLASS} accepted images each; of such "
            f"classes there {'is' if len(names) == 1 else 'are'} {len(names) or 'none'} yet."
        )
        return [], []
    groups = _groups(both, places)
    sides = [side.vectors(places) for side in (both.first, both.second)]
    queries = np.concatenate([np.flatnonzero(labels == number)[:_MOST_OF_A_CLASS] for number in range(len(names))])
    ways: dict[str, Callable[[Vectors], Any]] = {
        "kNN accuracy": lambda vectors: named_by_neighbours(vectors, labels, groups),
        "linear probe accuracy": lambda vectors: named_by_probe(vectors, labels, groups),
        "precision at 60": lambda vectors: precision(vectors, labels, groups, queries, depth=max(DEPTHS)),
    }
    measured = {}
    for step, (name, measure) in enumerate(ways.items()):
        measured[name] = [measure(vectors) for vectors in sides]
        told("labels", step + 1, len(ways))
    first, second = measured["precision at 60"]
    classes = [
        {"name": name, "images": int((labels == number).sum()), **_pair(first[of], second[of])}
        for number, name in enumerate(names)
        for of in [labels[queries] == number]
    ]
    return [{"name": name, "images": len(one), **_pair(one, other)} for name, (one, other) in measured.items()], classes


def _labelled(both: Both, known: Decided) -> tuple[Whole, Whole, list[str]]:
    """Return the places of images with one accepted class, shuffled, with their labels; classes of too few left out."""
    by_class = {id: both.places(images) for id, images in known.accepted.items()}
    counted = np.zeros(len(both.images), dtype=np.int64)
    for places in by_class.values():
        counted[places] += 1
    single = {id: places[counted[places] == 1] for id, places in by_class.items()}
    chosen = {id: places for id, places in single.items() if len(places) >= LEAST_IN_A_CLASS}
    if not chosen:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), []
    places = np.concatenate(list(chosen.values()))
    labels = np.repeat(np.arange(len(chosen)), [len(found) for found in chosen.values()])
    drawn = np.random.default_rng(_SEED).permutation(len(places))[:_MOST_LABELLED]
    return places[drawn], labels[drawn], [known.classes[id] for id in chosen]


def _groups(both: Both, places: Whole) -> Whole:
    """Return a number for each image (n,): near-identical ones, by the version that knows of more, have the same."""
    side = max((both.first, both.second), key=lambda side: len(side.index.stacked))
    return side.index.stacks[side.rows[places]].astype(np.int64)


def _replay(
    both: Both, known: Decided, reviews: list[PastReview], notes: list[str], told: Told
) -> dict[str, Any] | None:
    """Return the rejects that the past reviews would have met by each version, None if there is none to replay."""
    met: list[tuple[int, int]] = []
    accepted = 0
    for done, review in enumerate(reviews):
        played = _replayed(both, known, review)
        if played is not None:
            goal, *rejects = played
            accepted += goal
            met.append((rejects[0], rejects[1]))
        told("replay", done + 1, len(reviews))
    if len(met) < len(reviews):
        notes.append(
            f"{len(reviews) - len(met)} of the last {len(reviews)} reviews could not be replayed: they began with "
            "parts or uploads alone, or with images that one of the two does not hold."
        )
    if not met:
        notes.append("A replay needs at least one review that began with a whole image of the pool and accepted some.")
        return None
    notes.append(
        f"A replay ends at {_SHARE:.0%} of what the review accepted, and counts only images that somebody judged. "
        "Those were chosen by the version used then, whose matches the other one is asked for: that favours the one "
        "that was used. The more is labelled, the less it matters."
    )
    first, second = (np.array(column, dtype=np.float64) for column in zip(*met, strict=True))
    change = float(second.sum() / first.sum() - 1) if first.sum() else None
    low, high = interval_of_change(first, second) if change is not None and len(met) > 1 else (None, None)
    return {
        "reviews": len(met),
        "accepted": accepted,
        "first": int(first.sum()),
        "second": int(second.sum()),
        "change": change,
        "low": low,
        "high": high,
    }


def _replayed(both: Both, known: Decided, review: PastReview) -> tuple[int, int, int] | None:
    wanted, unwanted = both.places(review.wanted), both.places(review.unwanted)
    rejected = set(known.rejected[review.class_id])
    if known.one_class_per_image:
        for class_id, images in known.accepted.items():
            if class_id != review.class_id:
                rejected |= images
    matching = both.places(known.accepted[review.class_id])
    judged = np.setdiff1d(np.union1d(matching, both.places(rejected)), np.union1d(wanted, unwanted))
    matches: Flags = np.isin(judged, matching)
    goal = min(ceil(_SHARE * len(both.places(review.accepted))), int(matches.sum()))
    if not len(wanted) or not goal:
        return None
    first, second = (
        rejects_met(
            side.vectors(judged),
            matches,
            wanted=side.vectors(wanted),
            unwanted=side.vectors(unwanted),
            pool=side.index.pool,
            goal=goal,
        )
        for side in (both.first, both.second)
    )
    return goal, first, second


def _figure(values: Values) -> dict[str, float]:
    low, high = interval(values)
    return {"value": float(values.mean()), "low": low, "high": high}


def _pair(first: Any, second: Any) -> dict[str, float]:
    """Return both means and the interval of their difference; the values are pairs, image by image."""
    low, high = interval(second.astype(np.float64) - first.astype(np.float64))
    return {"first": float(first.mean()), "second": float(second.mean()), "low": low, "high": high}


def _named(version: VersionLine) -> dict[str, Any]:
    return {"id": version.id, "encoder": version.encoder, "count": version.count}
