"""The article's curve: how accurate a run was after how many epochs, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ml.errors import Refusal
from ml.evaluation.subjects import Subject

_SUFFIXES = (".png", ".svg")

_GREY = "#666666"


class NoCurve(Refusal):
    """What cannot be drawn, as a sentence."""


def check_curve(subjects: Sequence[Subject], file: Path) -> None:
    """Raise NoCurve unless there is a run to draw, and the file's name says how."""
    if file.suffix.lower() not in _SUFFIXES:
        raise NoCurve(f"The picture {file} cannot be drawn: its name is to end in {' or '.join(_SUFFIXES)}.")
    if all(subject.run is None for subject in subjects):
        raise NoCurve("There is no curve to draw: name the folder of a run, which has a point for each milestone.")


def draw_curve(result: dict[str, Any], file: Path) -> None:
    """Draw the linear probe's and kNN's accuracy over the epochs of each run of a result that has one."""
    runs = [(Path(run), list(stages)) for run, stages in groupby(result["encoders"], lambda entry: entry["run"]) if run]
    # Not pyplot, which has a state and looks for a screen.
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for number, (run, stages) in enumerate(runs):
        _draw_run(axes, stages, colour=f"C{number}", prefix=f"{run.name}: " if len(runs) > 1 else "")
    data = result["data"]
    axes.set_xlabel("epochs")
    axes.set_ylabel(f"accuracy on {data['test']:,} images, {len(data['classes'])} classes (%)")
    axes.set_title(runs[0][0].name if len(runs) == 1 else "", loc="left", fontsize=11)
    axes.set_xlim(left=0)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_GREY)
    axes.tick_params(colors=_GREY)
    axes.legend(frameon=False, loc="lower right")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=160)


def _draw_run(axes: Axes, stages: Sequence[dict[str, Any]], *, colour: str, prefix: str) -> None:
    epochs = [stage["epochs"] for stage in stages]
    lines = {
        "linear probe": ("-", colour, [stage["probe"]["accuracy"] for stage in stages]),
        "kNN, k = 20": ("--", "white", [stage["knn"].get("20", float("nan")) for stage in stages]),
    }
    for name, (style, inside, accuracies) in lines.items():
        percent = [100 * accuracy for accuracy in accuracies]
        axes.plot(
            epochs, percent, style, marker="o", markersize=4, markerfacecolor=inside, color=colour, label=prefix + name
        )
    axes.annotate(
        f"{100 * stages[-1]['probe']['accuracy']:.1f}",
        (epochs[-1], 100 * stages[-1]["probe"]["accuracy"]),
        xytext=(0, 7),
        textcoords="offset points",
        ha="center",
        color=colour,
    )
