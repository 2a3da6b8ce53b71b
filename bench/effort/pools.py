"""Pictures in folders of their classes become pools: vectors by the real commands, and the truth beside them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.search.ranking import Floats, PoolStatistics
from app.search.served_index import ServedIndex
from ml.images import SUFFIXES

ENCODER = Path(__file__).resolve().parents[2] / "ml" / "encoders" / "simclr-resnet18-96"
TOGETHER = "together"
# Caltech-101's folder of whatever a web search brought: no class that anybody would look for.
NO_CLASS = "BACKGROUND_Google"


@dataclass(frozen=True)
class Pool:
    """Vectors with the truth, of which a ranking sees the first and the statistics alone."""

    name: str
    vectors: Floats  # (n, d)
    classes: NDArray[np.str_]  # (n,)
    statistics: PoolStatistics

    @classmethod
    def of(cls, name: str, vectors: Floats, classes: NDArray[np.str_]) -> Pool:
        wide = vectors.astype(np.float64)
        mean = wide.mean(axis=0)
        covariance = wide.T @ wide / len(wide) - np.outer(mean, mean)
        statistics = PoolStatistics(mean.astype(np.float32), covariance.astype(np.float32), len(vectors))
        return cls(name, np.ascontiguousarray(vectors), classes, statistics)


def pools(images: Path, index: ServedIndex) -> list[Pool]:
    """Return a pool for each folder in `images`, and all of them together if there are several."""
    truth = _truth(images)
    homes, classes = np.array([truth[digest.tobytes().hex()] for digest in index.digests]).T
    vectors = np.array(index.vectors)
    names = [str(name) for name in np.unique(homes)]
    made = [Pool.of(name, vectors[homes == name], classes[homes == name]) for name in names]
    return made if len(made) == 1 else [*made, Pool.of(TOGETHER, vectors, classes)]


def queries(pool: Pool, *, per_class: int, smallest: int, seed: int) -> NDArray[np.intp]:
    """Draw images to start from: so many of each class that is not smaller than `smallest`."""
    random = np.random.default_rng(seed)
    members = [np.flatnonzero(pool.classes == name) for name in np.unique(pool.classes) if name != NO_CLASS]
    drawn = [random.choice(rows, min(per_class, len(rows)), False) for rows in members if len(rows) >= smallest]
    return np.concatenate([np.empty(0, dtype=np.intp), *drawn])


def indexed(images: Path, cache: Path) -> Path:
    """Return the index version of these pictures, made by the real commands the first time."""
    name = f"{images.name}-{hashlib.sha256(str(images.resolve()).encode()).hexdigest()[:8]}"
    vectors, index = cache / f"{name}-vectors", cache / f"{name}-index"
    if not index.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for arguments in (
            ["embed", "--encoder", ENCODER, "--images", images, "--out", vectors],
            ["index", "--vectors", vectors, "--out", index],
        ):
            subprocess.run([sys.executable, "-m", "ml", *map(str, arguments), "--progress", "text"], check=True)
    return index


def _truth(images: Path) -> dict[str, tuple[str, str]]:
    """Return the pool and the class of each picture by its id: the first and the last folder on the way to it."""
    return {
        hashlib.sha256(path.read_bytes()).hexdigest(): (path.relative_to(images).parts[0], path.parent.name)
        for path in sorted(images.rglob("*"))
        if path.suffix.lower() in SUFFIXES
    }
