"""Principal components of vectors that are read in portions: exact, and in the memory of what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from ml.progress import Progress

Components = npt.NDArray[np.float32]  # (n, kept), widest first, each with mean 0

_Portion = npt.NDArray[np.floating]
_Wide = npt.NDArray[np.float64]


def principal_components(
    portions: Callable[[], Iterable[_Portion]], *, count: int, keep: int, progress: Progress
) -> Components:
    """Project vectors onto their `keep` widest directions (all of them, if they have fewer dimensions).

    `portions` is called twice: for the covariance, gathered in float64, and for the projection. Equal to
    scikit-learn's PCA, which wants all vectors in memory, up to the signs; here the largest weight of each
    direction is positive. Vectors that are all equal give zeros.
    """
    origin, mean, covariance = _moments(portions, count, progress)
    _, directions = np.linalg.eigh(covariance)
    widest = directions[:, ::-1][:, :keep]
    widest *= np.sign(widest[np.abs(widest).argmax(axis=0), range(widest.shape[1])])
    components = np.empty((count, widest.shape[1]), dtype=np.float32)
    done = 0
    for portion in portions():
        components[done : done + len(portion)] = (portion.astype(np.float64) - origin - mean) @ widest
        done += len(portion)
        progress.step("principal components", count + done, 2 * count)
    return components


def _moments(portions: Callable[[], Iterable[_Portion]], count: int, progress: Progress) -> tuple[_Wide, _Wide, _Wide]:
    """Return the first vector, and mean and covariance as seen from it: so nothing cancels far from zero."""
    origin: _Wide | None = None
    done, total, products = 0, np.zeros(1), np.zeros((1, 1))
    for portion in portions():
        wide = portion.astype(np.float64)
        if origin is None:
            origin = wide[0].copy()
        wide -= origin
        total = total + wide.sum(axis=0)
        products = products + wide.T @ wide
        done += len(wide)
        progress.step("principal components", done, 2 * count)
    assert origin is not None
    mean = total / count
    return origin, mean, products / count - np.outer(mean, mean)
