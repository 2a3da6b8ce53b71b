"""What an evaluation says of one encoder, in the few numbers that travel with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml.artifacts import file_digest

KIND = "evaluation"


def summary(result: dict[str, Any], checkpoint: Path, *, epoch: int) -> dict[str, float] | None:
    """Return the figures of a checkpoint by names such as "imagenette-96_knn", None if the result has none of it.

    A run's last.ckpt is as good as the milestone of its epoch.
    """
    digest, folder = file_digest(checkpoint), checkpoint.resolve().parent
    for entry in result["encoders"]:
        of_this_run = entry["run"] is not None and Path(entry["run"]).resolve() in {folder, folder.parent}
        if entry["digest"] == digest or (of_this_run and entry["epochs"] == epoch):
            return _figures(entry, Path(result["data"]["images"]).name)
    return None


def _figures(entry: dict[str, Any], pictures: str) -> dict[str, float]:
    figures = {
        "knn": entry["knn"].get("20"),
        "linear_probe": entry["probe"]["accuracy"],
        "mean_average_precision": entry["retrieval"]["mean_average_precision"],
        "rank_me": entry["rank_me"],
    }
    return {f"{pictures}_{name}": round(figure, 4) for name, figure in figures.items() if figure is not None}
