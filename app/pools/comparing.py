"""Compares what lies in a folder with what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.pools.import_queries import Place
from app.pools.reading import Failure, Source
from app.pools.walking import FoundFile, Walk
from ml.images import UnreadableImage
from ml.records import is_record_file, record_count, record_labels


@dataclass
class Plan:
    """What an import has to do."""

    unread: list[Source] = field(default_factory=list)  # new or changed, or without thumbnails
    unreadable: list[Failure] = field(default_factory=list)  # what need not even be tried
    unchanged: int = 0
    returned: list[int] = field(default_factory=list)  # ids of places that were missing and are as they were
    vanished: list[int] = field(default_factory=list)  # ids of places where nothing lies any more


def compare(walked: Walk, known: Mapping[str, Place], *, location: Path, has_thumbnails: Callable[[str], bool]) -> Plan:
    """Tell what is new, changed, back and gone. Reads no picture."""
    plan = Plan(unreadable=[Failure(path, reason) for path, reason in walked.unreadable.items()])
    seen = set()
    for source in _sources(walked.files, location, plan):
        seen.add(source.path)
        place = known.get(source.path)
        if place is None or not _same(place, source) or not has_thumbnails(place.sha256):
            plan.unread.append(source)
            continue
        plan.unchanged += 1
        if place.missing:
            plan.returned.append(place.id)
    plan.vanished = [place.id for path, place in known.items() if path not in seen and not place.missing]
    return plan


def _sources(files: list[FoundFile], location: Path, plan: Plan) -> Iterator[Source]:
    for found in files:
        file = location / found.path
        if not is_record_file(file):
            yield Source(found.path, file, None, found.size, found.mtime_ns)
            continue
        try:
            count, labels = record_count(file), record_labels(file)
        except UnreadableImage as error:
            plan.unreadable.append(Failure(found.path, str(error)))
            continue
        for number in range(count):
            label = labels[number] if labels else None
            yield Source(f"{found.path}#{number}", file, number, found.size, found.mtime_ns, label)


def _same(place: Place, source: Source) -> bool:
    return (place.size, place.mtime_ns) == (source.size, source.mtime_ns)
