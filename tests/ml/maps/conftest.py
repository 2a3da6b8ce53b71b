"""Fixtures for maps: vectors with a shape that a map must keep, and progress that is remembered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ml.artifacts import EncoderManifest
from ml.index import build_index
from ml.progress import JsonLines
from ml.vectors import VectorFolder

Vectors = npt.NDArray[np.float32]

DIMENSION = 64
CLASSES = ("bird", "car", "cat", "ship")


@pytest.fixture
def clusters() -> tuple[Vectors, npt.NDArray[np.intp]]:
    """400 unit vectors of 64 dimensions in four tight clusters, and the cluster of each."""
    random = np.random.default_rng(0)
    labels = np.arange(400) % len(CLASSES)
    vectors = random.normal(size=(len(CLASSES), DIMENSION))[labels] + 0.5 * random.normal(size=(400, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.fixture
def digests() -> npt.NDArray[np.uint8]:
    """400 ids of images, in order."""
    ids = np.random.default_rng(1).integers(0, 256, (400, 32), dtype=np.uint8)
    return ids[np.lexsort(ids.T[::-1])]


@pytest.fixture
def vectors(clusters: tuple[Vectors, object], digests: npt.NDArray[np.uint8], tmp_path: Path) -> Path:
    """A finished folder of the clusters' vectors."""
    with VectorFolder.open(tmp_path / "vectors", ENCODER) as folder:
        folder.add(digests, clusters[0])
        folder.finish(digests, [])
    return tmp_path / "vectors"


@pytest.fixture
def index(vectors: Path, tmp_path: Path) -> Path:
    """Their index version."""
    build_index(vectors, tmp_path / "index", progress=Remembered())
    return tmp_path / "index"


class Remembered(JsonLines):
    """Progress that can be asked what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, object]] = []

    def _line(self, **event: object) -> None:
        self.events.append(event)

    @property
    def phases(self) -> list[object]:
        return list(dict.fromkeys(event["phase"] for event in self.events if event["event"] == "progress"))

    @property
    def notes(self) -> list[object]:
        return [event["message"] for event in self.events if event["event"] == "note"]


ENCODER = EncoderManifest(
    name="four-corners",
    architecture="none",
    dimension=DIMENSION,
    input_size=(32, 32),
    resize=32,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    recipe={},
    epochs=0,
    quality={},
    files={},
    created_at="2026-01-01T00:00:00+00:00",
)
