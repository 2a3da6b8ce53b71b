"""How an export is written: cells, and the lines that they make. Pure: no database, no web."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
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


# One verdict: (commit id, image id, class id, verdict, score, basis, disputed). The score is None where no page was
# looked at. The basis is seen, stack or sample: whether the image itself was looked at, or what stood for it. Disputed,
# of a label, is whether people differ about it.
VerdictRow = tuple[int, int, int, str, float | None, str, bool]


class ImageCells(NamedTuple):
    """What all verdicts on an image have in common, as it is written."""

    what: str  # image, path
    group: str


class CommitCells(NamedTuple):
    """What all verdicts of a commit have in common, as it is written."""

    who: str  # and when, review, page, encoder, index_version: `cells`
    bound: str  # the share of matches that was stated of the lot they were accepted with
    undone: bool


def header(last_column: str) -> str:
    """Return the first line of an export."""
    return f"{cells(*HEADER, last_column)}\r\n"


def lines(
    verdicts: Iterable[VerdictRow],
    *,
    images: Mapping[int, ImageCells],
    classes: Mapping[int, str],
    commits: Mapping[int, CommitCells],
) -> str:
    """Return a line for each verdict, as RFC 4180 has it.

    `classes` are as `cells` writes them. The last column says “yes” of labels that are disputed and of verdicts that
    have been taken back.
    """
    # A million rows go through here: what rows share comes ready written, and the rest needs no quotes.
    return "".join(
        [
            f"{what},{classes[class_id]},{verdict},{who},{'' if score is None else score},{basis},"
            f"{bound},{group},{'yes' if disputed or undone else 'no'}\r\n"
            for commit_id, image_id, class_id, verdict, score, basis, disputed in verdicts
            for (what, group), (who, bound, undone) in ((images[image_id], commits[commit_id]),)
        ]
    )


def image_cells(image: str, path: str, groups: Mapping[str, str] | None) -> ImageCells:
    """Write the image with this SHA-256, in hex, its path, relative to the imported folder, and its group.

    `groups` holds {an image's SHA-256: that of the first of its stack} of images that are in a stack; None where no
    index can tell.
    """
    # “./=1+1.png” is no formula in a spreadsheet, and still a valid path.
    return ImageCells(cells(image, f"./{path}"), "" if groups is None else groups.get(image, image))


def cells(*values: object) -> str:
    """Write neighbouring cells, not all of them empty; None is an empty one."""
    line: str = csv.writer(_ECHO).writerow(values)
    return line.removesuffix("\r\n")


def written(moment: datetime) -> str:
    """Return a moment as a cell says it."""
    return moment.isoformat(timespec="milliseconds")


class _Echo:
    """A file whose write hands the text back instead of keeping it."""

    def write(self, text: str) -> str:
        return text


_ECHO = _Echo()
