"""Judge encoders on labelled images: from what stands on the command line to a result that holds every figure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from ml.artifacts import now
from ml.errors import Refusal
from ml.evaluation.judging import judged
from ml.evaluation.splits import Split
from ml.evaluation.subjects import Subject
from ml.evaluation.summary import KIND
from ml.progress import Progress

Result = dict[str, Any]


class BadOut(Refusal):
    """A file that a result would replace, and should not."""


_VERSIONS = ("numpy", "onnxruntime", "pillow", "scikit-learn", "torch")


def evaluate(
    subjects: Sequence[Subject],
    split: Split,
    out: Path,
    *,
    images: str,
    seed: int,
    threads: int,
    max_pixels: int,
    progress: Progress,
) -> Result:
    """Judge each subject and write everything to the file `out`, anew after each of them.

    What `out` holds already of the same encoder, images, seed and versions is taken over: of a run that has gone on
    only the new milestones are judged. Raises Refusal.
    """
    result: Result = {
        "kind": KIND,
        "created_at": now(),
        "seed": seed,
        "versions": {name: version(name) for name in _VERSIONS},
        "data": _described(split, images),
        "encoders": [],
    }
    known = _known(out, result)
    for subject in subjects:
        digest = subject.digest()
        entry = known.get(digest)
        if entry is None:
            encoder = subject.open(threads=threads)
            manifest = encoder.manifest
            entry = {
                "digest": digest,
                "name": manifest.name,
                "architecture": manifest.architecture,
                "dimension": manifest.dimension,
                "input_size": manifest.input_size,
                "epochs": manifest.epochs,
            }
            # Which scikit-learn's and torch's threads obey, too.
            with threadpool_limits(threads):
                entry |= judged(encoder, split, seed=seed, threads=threads, max_pixels=max_pixels, progress=progress)
        run = None if subject.run is None else str(subject.run)
        result["encoders"].append(entry | {"path": str(subject.path), "run": run})
        _write(result, out)
        figures = {"rank_me": entry["rank_me"], "probe": entry["probe"]["accuracy"], "knn": entry["knn"].get("20")}
        progress.judged(entry["epochs"], **{name: figure for name, figure in figures.items() if figure is not None})
    return result


def _described(split: Split, images: str) -> dict[str, Any]:
    return {
        "images": images,
        "train": len(split.train),
        "test": len(split.test),
        "classes": split.classes,
        "split": split.rule,
        "fingerprint": split.fingerprint,
        "notes": split.notes,
    }


def _known(out: Path, result: Result) -> dict[str, Result]:
    """Return what an earlier result says of each encoder, by digest, if it was asked the same."""
    try:
        earlier = json.loads(out.read_bytes())
        asked = [(earlier[key], result[key]) for key in ("seed", "versions")]
        asked.append((earlier["data"]["fingerprint"], result["data"]["fingerprint"]))
        entries = {entry["digest"]: entry for entry in earlier["encoders"]}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise BadOut(f"{out} is there already, and is no result of an evaluation: choose another name.") from error
    return entries if all(before == now for before, now in asked) else {}


def _write(result: Result, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    try:
        part.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
