"""Contrastive losses over two views of each image: NT-Xent and its decoupled form.

lightly's losses are the reference that the tests hold these to; unlike those they make no mask on the CPU, so that a
step compiles into one graph and never waits for the host.

Several ranks compare their images with those of all: vectors are gathered with their gradient, so that the average
that DistributedDataParallel takes of the ranks' gradients is the gradient of the joined batch.
"""

from __future__ import annotations

import torch
from lightly.utils import dist
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

# Two views' vectors, each (n, dimension): row i of both comes from image i.
Pair = tuple[Tensor, Tensor]


def nt_xent(first: Tensor, second: Tensor, *, temperature: float, keys: Pair | None = None) -> Tensor:
    """Return the mean cross-entropy of finding an image's other view among all others (Chen et al., 2020, SimCLR).

    Vectors are (n, dimension), of any length and dtype; the arithmetic is float32, under autocast too (float64 for
    float64). `keys` are vectors of the same two views by another network, say a teacher; the views are then compared
    with these instead of with each other, in which an image's own view counts neither for nor against it.
    """
    logits, _, other = _compared((first, second), keys, temperature)
    return cross_entropy(logits, other)


def dcl(first: Tensor, second: Tensor, *, temperature: float, keys: Pair | None = None) -> Tensor:
    """Return the same without the positive pair among the negatives (Yeh et al., 2021, decoupled, equation 6)."""
    logits, columns, other = _compared((first, second), keys, temperature)
    positive = logits.gather(1, other[:, None]).squeeze(1)
    negative = logits.masked_fill(columns == other[:, None], -torch.inf).logsumexp(dim=1)
    return (negative - positive).mean()


def _compared(views: Pair, keys: Pair | None, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the similarities of this rank's views to those of all ranks, an image's own view struck out.

    They are (2n, 2n * ranks); with them come the numbers of the columns, and each row's column of the other view.
    """
    vectors = torch.cat(views)
    # Of unit vectors before they are gathered: each is normalised once, not once a rank.
    with torch.autocast(vectors.device.type, enabled=False):
        rows = _unit(vectors)
        against = _gathered(rows if keys is None else _unit(torch.cat(keys)))
        logits = rows @ against.mT / temperature
    columns = torch.arange(len(against), device=logits.device)
    own = dist.rank() * len(rows) + columns[: len(rows)]
    return logits.masked_fill(columns == own[:, None], -torch.inf), columns, own.roll(len(rows) // 2)


def _unit(vectors: Tensor) -> Tensor:
    return normalize(vectors if vectors.dtype == torch.float64 else vectors.float(), dim=1)


def _gathered(vectors: Tensor) -> Tensor:
    return torch.cat(dist.gather(vectors)) if dist.world_size() > 1 else vectors
