"""k nearest neighbours: whether an image's class is that of the images most like it. Nothing is trained.

Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance-level Discrimination" (2018), as in lightly's
`knn_predict`: cosine similarity, each neighbour's vote weighted by exp(similarity / temperature).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

NEIGHBOURS = (5, 20, 200)

_TEMPERATURE = 0.1
_QUERIES_AT_ONCE = 512


def knn_accuracies(
    bank: Tensor, bank_labels: Tensor, queries: Tensor, labels: Tensor, *, neighbours: Sequence[int] = NEIGHBOURS
) -> dict[int, float]:
    """Return for each number of neighbours the share of queries that get their own label; see knn_predictions."""
    predictions = knn_predictions(bank, bank_labels, queries, neighbours=neighbours)
    return {k: (predicted == labels).double().mean().item() for k, predicted in predictions.items()}


def knn_predictions(
    bank: Tensor, bank_labels: Tensor, queries: Tensor, *, neighbours: Sequence[int] = NEIGHBOURS
) -> dict[int, Tensor]:
    """Return the queries' labels, (n,) int64, by each number of neighbours that the bank has.

    Vectors are of unit length, (n, dimension) float32; labels int64 from 0.
    """
    neighbours = [k for k in neighbours if k <= len(bank)]
    if not neighbours:
        return {}
    classes = int(bank_labels.max()) + 1
    portions: dict[int, list[Tensor]] = {k: [] for k in neighbours}
    for portion in torch.split(queries, _QUERIES_AT_ONCE):
        similarities, nearest = (portion @ bank.T).topk(max(neighbours))
        weights, votes = (similarities / _TEMPERATURE).exp(), bank_labels[nearest]
        for k in neighbours:
            scores = weights.new_zeros(len(portion), classes).scatter_add(1, votes[:, :k], weights[:, :k])
            portions[k].append(scores.argmax(dim=1))
    return {k: torch.cat(parts) for k, parts in portions.items()}
