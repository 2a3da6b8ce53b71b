"""A result as people read it: a table of figures, and for a run the article's table of epochs and accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table

Entry = dict[str, Any]

_AT_MOST_ABREAST = 3


def report(result: dict[str, Any]) -> RenderableType:
    """Return the tables of a result, with what was left out in sentences below them."""
    data, entries = result["data"], result["encoders"]
    runs = [list(stages) for run, stages in groupby(entries, key=lambda entry: entry["run"]) if run is not None]
    # Of a run's stages, which the run's own table compares, the last.
    whole = [entry for entry in entries if entry["run"] is None] + [stages[-1] for stages in runs]
    intro = (
        f"{data['train']:,} images to learn from, {data['test']:,} to test, {len(data['classes']):,} classes "
        f"({data['split']})."
    )
    tables = [run_table(stages) for stages in runs]
    tables += [
        figures_table(whole[start : start + _AT_MOST_ABREAST]) for start in range(0, len(whole), _AT_MOST_ABREAST)
    ]
    notes = dict.fromkeys([*data["notes"], *(note for entry in whole for note in entry["notes"])])
    return Group(intro, *(Padding(table, (1, 0, 0, 0)) for table in tables), *notes)


def run_table(stages: Sequence[Entry]) -> Table:
    """Return the article's table: how accurate a run was at each of its stages."""
    table = _table(
        f"{stages[0]['run']} (accuracies and mAP in %)",
        "epoch",
        "kNN 5",
        "kNN 20",
        "kNN 200",
        "probe",
        "mAP",
        "RankMe",
        "align.",
        "uniform.",
    )
    for stage in stages:
        table.add_row(
            f"{stage['epochs']:,}",
            *(_share(stage["knn"].get(k)) for k in ("5", "20", "200")),
            _share(stage["probe"]["accuracy"]),
            _share(stage["retrieval"].get("mean_average_precision")),
            f"{stage['rank_me']:.1f}",
            _number(stage["alignment"]),
            _number(stage["uniformity"]),
        )
    return table


def figures_table(entries: Sequence[Entry]) -> Table:
    """Return every figure, a column for each encoder."""
    columns = [_figures(entry) for entry in entries]
    table = _table("", "shares in %", *(entry["name"] for entry in entries))
    for name in dict.fromkeys(name for column in columns for name in column):
        table.add_row(name, *(column.get(name, "–") for column in columns))
    return table


def _figures(entry: Entry) -> dict[str, str]:
    few, found = entry["few_labels"], entry["retrieval"]
    return {
        **{f"kNN, k = {k}": _share(accuracy) for k, accuracy in entry["knn"].items()},
        "linear probe": _share(entry["probe"]["accuracy"]),
        **{f"probe, {n} a class": f"{_share(few[n]['mean'])} ± {100 * few[n]['spread']:.1f}" for n in few},
        **{name.replace("_", " "): _share(figure) for name, figure in found.items() if name != "queries"},
        "RankMe": f"{entry['rank_me']:.1f} of {entry['dimension']:,}",
        "alignment": _number(entry["alignment"]),
        "uniformity": _number(entry["uniformity"]),
    }


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", overflow="fold")
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
