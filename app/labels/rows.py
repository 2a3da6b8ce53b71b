"""The rows of an export and how they are written. Pure: no database, no web."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

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


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One verdict as it is exported; review to score are empty where no page was looked at."""

    image: str  # SHA-256 in hex
    path: str  # relative to the imported folder
    class_name: str
    verdict: str
    who: str
    when: datetime
    review: int | None
    page: int | None
    encoder: str | None
    index_version: int | None
    score: float | None
    basis: str  # seen, stack or sample: whether the image itself was looked at, or what stood for it
    bound: float | None  # the share of matches that was stated of the lot it was accepted with
    flag: bool  # of a label: whether people differ about it; of a verdict: whether it has been taken back
    group: str | None  # the same for all images of a stack: the first one's SHA-256; None where no index can tell

    @property
    def cells(self) -> tuple[object, ...]:
        """The row in the order of HEADER."""
        return (
            self.image,
            # “./=1+1.png” is no formula in a spreadsheet, and still a valid path.
            f"./{self.path}",
            self.class_name,
            self.verdict,
            self.who,
            self.when.isoformat(timespec="milliseconds"),
            self.review,
            self.page,
            self.encoder,
            self.index_version,
            self.score,
            self.basis,
            self.bound,
            self.group,
        )


def csv_lines(rows: Iterable[LabelRow], *, last_column: str) -> Iterator[str]:
    """Yield the header and then a line for each row, as RFC 4180 has it (an empty cell for None).

    The last column says “yes” where a row has its flag.
    """
    writer = csv.writer(_Echo())
    yield writer.writerow((*HEADER, last_column))
    for row in rows:
        yield writer.writerow((*row.cells, "yes" if row.flag else "no"))


class _Echo:
    """A file whose write hands the text back instead of keeping it."""

    def write(self, text: str) -> str:
        return text
