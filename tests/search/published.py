"""Index versions of made-up vectors, published as the real ones are."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from ml.artifacts import IndexManifest, checksums, now, publishing

FILES = ["index.faiss", "images.npy", "statistics.npz"]


def made_up_vectors(count: int, dimension: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, dimension), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def publish(
    target: Path,
    vectors: NDArray[np.float32],
    *,
    metric: int = faiss.METRIC_INNER_PRODUCT,
    stacks: NDArray[np.integer] | None = None,
) -> Path:
    """Write an index version of these vectors, of images whose digests are made up; by default it knows no stacks."""
    count, dimension = vectors.shape
    with publishing(target) as draft:
        index = faiss.IndexFlat(dimension, metric)
        index.add(vectors)
        faiss.write_index(index, str(draft / "index.faiss"))
        np.save(draft / "images.npy", np.random.default_rng(1).integers(256, size=(count, 32), dtype=np.uint8))
        covariance = np.cov(vectors, rowvar=False).astype(np.float32)
        np.savez(draft / "statistics.npz", mean=vectors.mean(axis=0), covariance=covariance)
        if stacks is not None:
            np.save(draft / "stacks.npy", stacks)
        IndexManifest(
            encoder="made-up",
            encoder_digest="0" * 64,
            dimension=dimension,
            count=count,
            left_out=0,
            files=checksums(draft, FILES if stacks is None else [*FILES, "stacks.npy"]),
            created_at=now(),
        ).write(draft)
    return target
