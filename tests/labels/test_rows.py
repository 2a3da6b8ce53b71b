import csv
import io
from datetime import UTC, datetime

from app.labels.rows import CommitCells, VerdictRow, cells, header, image_cells, lines, written

IMAGE = "0" * 64
PATH = '=cmd|"calc"!A1\n.png'
CLASS = "a “quoted”, name 🛩"
WHEN = written(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def rows_of(
    *verdicts: VerdictRow, groups: dict[str, str] | None = None, undone: bool = False, last: str = "disputed"
) -> list[dict[str, str]]:
    """Write verdicts of one commit and read them back."""
    text = header(last) + lines(
        verdicts,
        images={7: image_cells(IMAGE, PATH, groups)},
        classes={3: cells(CLASS)},
        commits={5: CommitCells(cells("lo, cal", WHEN, 1, None, "e", 3), "0.95", undone)},
    )
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_header_is_a_line_of_its_own() -> None:
    assert header("disputed") == (
        "image,path,class,verdict,who,when,review,page,encoder,index_version,score,basis,bound,group,disputed\r\n"
    )


def test_a_line_reads_back_as_what_was_written() -> None:
    first, second = rows_of(
        (5, 7, 3, "accept", 0.1 + 0.2, "sample", False),
        (5, 7, 3, "reject", None, "seen", True),
        groups={IMAGE: "1" * 64},
    )
    assert first == {
        "image": IMAGE,
        "path": f"./{PATH}",
        "class": CLASS,
        "verdict": "accept",
        "who": "lo, cal",
        "when": "2026-01-02T03:04:05.000+00:00",
        "review": "1",
        "page": "",
        "encoder": "e",
        "index_version": "3",
        "score": "0.30000000000000004",
        "basis": "sample",
        "bound": "0.95",
        "group": "1" * 64,
        "disputed": "no",
    }
    assert (second["verdict"], second["score"], second["disputed"]) == ("reject", "", "yes")


def test_an_image_in_no_stack_is_a_group_of_its_own_where_an_index_can_tell() -> None:
    verdict = (5, 7, 3, "accept", 0.5, "seen", False)
    assert [row["group"] for row in rows_of(verdict, groups={})] == [IMAGE]
    assert [row["group"] for row in rows_of(verdict, groups=None)] == [""]


def test_no_cell_starts_a_formula() -> None:
    [row] = rows_of((5, 7, 3, "accept", 0.5, "seen", False), groups={})
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())


def test_the_journal_says_what_was_undone() -> None:
    verdict = (5, 7, 3, "accept", 0.5, "seen", False)
    assert [rows_of(verdict, undone=undone, last="undone")[0]["undone"] for undone in (True, False)] == ["yes", "no"]
