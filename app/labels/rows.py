"""The rows of an export and how they are written. Pure: no database, no web."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

HEADER = (
    "image",
    "path",
    "class",
    "verdict",
    "who",
    "when",
    "review",
    "page",
    "encoder",
    "index_version",
    "score",
    "basis",
    "bound",
    "group",
)


class LabelRow(NamedTuple):
    """One verdict as it is exported; review to score are empty where no page was looked at."""

    image: str  # SHA-256 in hex
    path: str  # relative to the imported folder
    class_name: str
    verdict: str
    who: str
    when: str  # as `written` writes it
    review: int | None
    page: int | None
    encoder: str | None
    index_version: int | None
    score: float | None
    basis: str  # seen, stack or sample: whether the image itself was looked at, or what stood for it
    bound: float | None  # the share of matches that was stated of the lot it was accepted with
    group: str | None  # the same for all images of a stack: the first one's SHA-256; None where no index can tell
    flag: bool  # of a label: whether people differ about it; of a verdict: whether it has been taken back


def csv_blocks(blocks: Iterable[Sequence[LabelRow]], *, last_column: str) -> Iterator[str]:
    """Yield the header and then a text for each block of rows, as RFC 4180 has it (an empty cell for None).

    The last column says “yes” where a row has its flag.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow((*HEADER, last_column))
    yield text.getvalue()
    for rows in blocks:
        text.seek(0)
        text.truncate()
        # “./=1+1.png” is no formula in a spreadsheet, and still a valid path.
        writer.writerows([(row[0], "./" + row[1], *row[2:-1], "yes" if row[-1] else "no") for row in rows])
        yield text.getvalue()


def written(moment: datetime) -> str:
    """A moment as a cell says it."""
    return moment.isoformat(timespec="milliseconds")
