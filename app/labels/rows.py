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
    undone: bool = False

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
        )


def csv_lines(rows: Iterable[LabelRow], *, with_undone: bool = False) -> Iterator[str]:
    """Yield the header and then a line for each row, as RFC 4180 has it (an empty cell for None).

    `with_undone` adds a column that says “yes” for verdicts that have been taken back.
    """
    writer = csv.writer(_Echo())
    yield writer.writerow((*HEADER, "undone") if with_undone else HEADER)
    for row in rows:
        yield writer.writerow((*row.cells, "yes" if row.undone else "no") if with_undone else row.cells)


class _Echo:
    """A file whose write hands the text back instead of keeping it."""

    def write(self, text: str) -> str:
        return text
