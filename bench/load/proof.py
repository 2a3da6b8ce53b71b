"""What must hold at the end: nothing shown twice, no verdict lost or doubled, the export what everybody believes."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from itertools import combinations

from bench.load.annotators import Notes, Shown


def shown_twice(notes: list[Notes]) -> int:
    """Count images that were shown again: for the same class, after they were accepted, or while a page held them.

    With one class per image, one that was rejected for a class may be shown for another afterwards.
    """
    pages_of: dict[str, list[Shown]] = defaultdict(list)
    for note in notes:
        for page in note.shown:
            for image in page.images:
                pages_of[image].append(page)
    return sum(
        after.class_name == before.class_name or image in before.accepted or after.at < before.stored_at
        for image, pages in pages_of.items()
        for before, after in combinations(sorted(pages, key=lambda page: page.at), 2)
    )


def lost_and_doubled(notes: list[Notes], journal: str) -> tuple[int, int]:
    """Compare what the scripts believe with the export of all verdicts."""
    believed = Counter((*place, value) for note in notes for place, value in note.verdicts.items())
    stored = Counter((row["image"], row["class"], row["verdict"]) for row in csv.DictReader(io.StringIO(journal)))
    doubled = sum(note.doubled for note in notes) + (stored - believed).total()
    return (believed - stored).total(), doubled


def differing_labels(notes: list[Notes], labels: str) -> int:
    """Count labels of the export that nobody believes to have given, and those given that it lacks."""
    believed = {place for note in notes for place, value in note.verdicts.items() if value == "accept"}
    exported = [(row["image"], row["class"]) for row in csv.DictReader(io.StringIO(labels))]
    return len(believed ^ set(exported)) + len(exported) - len(set(exported))
