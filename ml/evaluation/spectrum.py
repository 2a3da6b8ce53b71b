"""What vectors tell without labels: how many directions they use, how near views of an image lie, how evenly all do."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# The paper's, for float32.
_EPSILON = 1e-7

_ROWS_AT_ONCE = 1024


def rank_me(vectors: Tensor | npt.NDArray[Any]) -> float:
    """Return the number of directions that (n, dimension) vectors use: between 1 and the smaller of n and dimension.

    exp(-sum p log p) with p = s / sum s + 1e-7 over the singular values s: Garrido et al., "RankMe: Assessing the
    Downstream Performance of Pretrained Self-Supervised Representations by Their Rank" (2023). 0 for vectors that
    are all zero or not all finite.
    """
    wide = torch.as_tensor(vectors).detach().double()
    if not wide.isfinite().all() or not wide.any():
        return 0.0
    # Quicker by far than a decomposition of all rows. Rounding adds 1e-8 of the largest value, less than epsilon.
    products = wide.T @ wide if wide.shape[0] >= wide.shape[1] else wide @ wide.T
    sigma = torch.linalg.eigvalsh(products).clamp(min=0).sqrt()
    shares = sigma / sigma.sum() + _EPSILON
    return float((-(shares * shares.log()).sum()).exp())


def alignment(first: Tensor, second: Tensor) -> float:
    """Return the mean squared distance of two views of the same images, unit vectors (n, dimension): 0 is the best.

    Wang & Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere" (2020), squared as there (alpha = 2).
    """
    return (first - second).double().square().sum(dim=1).mean().item()


def uniformity(vectors: Tensor, *, t: float = 2.0) -> float:
    """Return log mean exp(-t |x - y|²) over all pairs of unit vectors (n, dimension): the lower, the more even.

    Wang & Isola (2020). NaN for fewer than two.
    """
    count = len(vectors)
    total = 0.0
    for start in range(0, count, _ROWS_AT_ONCE):
        similarities = (vectors[start : start + _ROWS_AT_ONCE] @ vectors[start:].T).double()
        total += torch.exp(2 * t * (similarities - 1)).triu(diagonal=1).sum().item()
    pairs = count * (count - 1) / 2
    return float(np.log(total / pairs)) if pairs else float("nan")
