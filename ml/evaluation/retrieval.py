"""Retrieval: what a search finds when each image in turn is the query and the others lie in the pool."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

PRECISION_AT = (1, 10, 60)
RECALL_AT = (10, 60, 600)

# Similarities held at once: 10,000 images stay under 100 MB.
_CELLS_AT_ONCE = 2**21


def retrieval(
    vectors: Tensor,
    labels: Tensor,
    *,
    precision_at: Sequence[int] = PRECISION_AT,
    recall_at: Sequence[int] = RECALL_AT,
) -> dict[str, float]:
    """Return the means over all queries whose class has another image: precision and recall at k, and mAP.

    Precision is the share of the first k that are of the query's class, recall the share of its class that is among
    the first k, average precision the mean of the precisions at the ranks of its class. A k beyond the pool is
    left out. Vectors are of unit length, (n, dimension); equal similarities keep the images' order.
    """
    sums: dict[str, float] = {}
    queries = 0
    for rows in torch.split(torch.arange(len(vectors)), max(1, _CELLS_AT_ONCE // len(vectors))):
        found = _matches(vectors, labels, rows)
        found = found[found.any(dim=1)]
        queries += len(found)
        for name, figures in _figures(found, precision_at, recall_at).items():
            sums[name] = sums.get(name, 0.0) + figures.sum().item()
    return {"queries": queries} | {name: total / queries for name, total in sums.items() if queries}


def _matches(vectors: Tensor, labels: Tensor, rows: Tensor) -> Tensor:
    """Return for each query, best first, whether the other images are of its class: (rows, n - 1) booleans."""
    similarities = vectors[rows] @ vectors.T
    similarities[torch.arange(len(rows)), rows] = -torch.inf
    order = similarities.argsort(dim=1, descending=True, stable=True)[:, :-1]
    return labels[order] == labels[rows, None]


def _figures(found: Tensor, precision_at: Sequence[int], recall_at: Sequence[int]) -> dict[str, Tensor]:
    pool = found.shape[1]
    hits = found.cumsum(dim=1)
    total = hits[:, -1]
    precisions = hits.double() / torch.arange(1, pool + 1)
    figures = {f"precision_at_{k}": precisions[:, k - 1] for k in precision_at if k <= pool}
    figures |= {f"recall_at_{k}": hits[:, k - 1] / total.double() for k in recall_at if k <= pool}
    return figures | {"mean_average_precision": (precisions * found).sum(dim=1) / total}
