import csv
import io
from datetime import UTC, datetime

from app.labels.rows import LabelRow, csv_blocks, written

ROW = LabelRow(
    image="0" * 64,
    path='=cmd|"calc"!A1\n.png',
    class_name="a “quoted”, name 🛩",
    verdict="accept",
    who="local",
    when=written(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    review=1,
    page=2,
    encoder="e",
    index_version=3,
    score=0.5,
    basis="sample",
    bound=0.95,
    flag=False,
    group="1" * 64,
)


def test_the_header_comes_first_also_without_rows() -> None:
    assert list(csv_blocks([], last_column="disputed")) == [
        "image,path,class,verdict,who,when,review,page,encoder,index_version,score,basis,bound,group,disputed\r\n"
    ]


def test_a_line_reads_back_as_what_was_written() -> None:
    header, row = csv.reader(io.StringIO("".join(csv_blocks([[ROW]], last_column="disputed")), newline=""))
    cells = dict(zip(header, row, strict=True))
    assert cells["class"] == ROW.class_name
    assert cells["when"] == "2026-01-02T03:04:05.000+00:00"
    assert cells["path"] == f"./{ROW.path}"
    assert (cells["basis"], cells["bound"], cells["group"]) == ("sample", "0.95", ROW.group)


def test_no_cell_starts_a_formula() -> None:
    _header, row = csv.reader(io.StringIO("".join(csv_blocks([[ROW]], last_column="disputed")), newline=""))
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_the_journal_says_what_was_undone() -> None:
    header, row = csv.reader(io.StringIO("".join(csv_blocks([[ROW]], last_column="undone")), newline=""))
    assert (header[-1], row[-1]) == ("undone", "no")
