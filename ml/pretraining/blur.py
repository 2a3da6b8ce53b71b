"""Gaussian blur of a batch, each image by its own sigma, as matrix products from both sides."""

from __future__ import annotations

import torch
from torch import Tensor

# For this sigma a neighbour's weight, exp(-500000), is 0 in any dtype: the image stays as it is, bit by bit.
NO_BLUR = 1e-3


def kernel_size(side: int) -> int:
    """Return the pixels of the kernel: a tenth of the side, odd, as in SimCLR (Chen et al., 2020, appendix A)."""
    return side // 10 | 1


def blur_taps(side: int) -> Tensor:
    """Return (kernel, side, side) zeros and ones: for each tap, which pixel it reads for which, mirrored at the edges.

    The pixel at the edge is not repeated, as with torchvision's gaussian_blur.
    """
    reach = kernel_size(side) // 2
    made = torch.arange(side)
    read = (made + torch.arange(-reach, reach + 1)[:, None]).abs()
    read = side - 1 - (side - 1 - read).abs()
    return torch.nn.functional.one_hot(read, side).float()


def blur_matrices(sigma: Tensor, taps: Tensor) -> Tensor:
    """Return (n, side, side) float32 matrices that blur the rows of an image, for sigma (n,) in pixels."""
    reach = len(taps) // 2
    distances = torch.arange(-reach, reach + 1, device=sigma.device)
    weights = torch.exp(-0.5 * (distances / sigma[:, None]) ** 2)
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights @ taps.flatten(1)).view(-1, *taps.shape[1:])
