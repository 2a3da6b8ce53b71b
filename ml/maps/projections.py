"""Projections: from some fifty principal components to two or three coordinates, by PCA, PaCMAP or t-SNE.

PaCMAP: Wang, Huang, Rudin and Shaposhnik, JMLR 22 (2021). t-SNE: openTSNE, Poličar, Stražar and Zupan (2019).
"""

from __future__ import annotations

import importlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from unittest import mock

import numpy as np
import numpy.typing as npt

from ml.errors import Refusal
from ml.maps.principal import Components
from ml.progress import Progress

Method = Literal["pca", "pacmap", "tsne"]
Coordinates = npt.NDArray[np.float32]  # (n, 2 or 3)

# Beyond these, t-SNE in space, for which there is only the slow Barnes-Hut gradient, takes hours.
TSNE_AT_MOST_IN_SPACE = 20_000

# With fewer points there are no neighbourhoods to keep: PaCMAP alone wants 35 partners for each.
FEWEST_FOR_NEIGHBOURHOODS = 50

_PACMAP_STEPS = (100, 100, 250)
_TSNE_STEPS = (250, 500)  # with exaggeration, and without
_TSNE_TELLS_EVERY = 25
_PERPLEXITY = 30


class CannotLayOut(Refusal):
    """Points that a method is not made for; the message is a sentence."""


@dataclass(frozen=True)
class Layout:
    """Coordinates, the method that made them, and with what parameters."""

    coordinates: Coordinates
    method: Method
    parameters: dict[str, Any] = field(default_factory=dict)


def check(method: Method, *, count: int, dimensions: int) -> None:
    """Raise CannotLayOut if there are too many points for the method, before anything long begins."""
    if method == "tsne" and dimensions == 3 and count > TSNE_AT_MOST_IN_SPACE:
        raise CannotLayOut(
            f"t-SNE in three dimensions would take hours for {count:,} points. Lay out a sample (--at-most "
            f"{TSNE_AT_MOST_IN_SPACE}), or all of them with --dimensions 2 or --method pacmap."
        )


def lay_out(components: Components, *, method: Method, dimensions: int, seed: int, progress: Progress) -> Layout:
    """Lay points out; on one machine, with as many threads, the same coordinates for the same seed.

    Few points, and points that are all the same, are laid out by PCA whatever the method. Raises Refusal if the
    method's library is not installed.
    """
    padded = np.pad(components, ((0, 0), (0, max(0, dimensions - components.shape[1]))))
    if method != "pca" and (len(padded) < FEWEST_FOR_NEIGHBOURHOODS or not padded.any()):
        progress.note(f"Laid out by PCA: {method} needs {FEWEST_FOR_NEIGHBOURHOODS} vectors that are not all the same.")
        method = "pca"
    if method == "pca":
        return Layout(padded[:, :dimensions], method)
    layers = {"pacmap": _pacmap, "tsne": _tsne}
    return layers[method](padded, dimensions, seed, progress)


def _pacmap(components: Components, dimensions: int, seed: int, progress: Progress) -> Layout:
    library = _library("pacmap.pacmap")
    # It warns of every seed, and of every number of dimensions but two.
    logging.getLogger("pacmap.pacmap").setLevel(logging.ERROR)
    reducer = library.PaCMAP(
        n_components=dimensions, n_neighbors=None, num_iters=_PACMAP_STEPS, apply_pca=False, random_state=seed
    )
    with _heard(library, progress):
        coordinates = reducer.fit_transform(components)
    parameters = {
        "n_neighbors": reducer.n_neighbors,
        "MN_ratio": reducer.MN_ratio,
        "FP_ratio": reducer.FP_ratio,
        "num_iters": list(_PACMAP_STEPS),
    }
    return Layout(coordinates, "pacmap", parameters)


@contextmanager
def _heard(library: Any, progress: Progress) -> Iterator[None]:
    """Tell of PaCMAP's steps. It has no callbacks: what it would print every ten steps is its only sign of life."""

    def hear(message: object, *_: object, **__: object) -> None:
        if step := re.match(r"Iteration: +(\d+)", str(message)):
            progress.step("layout", int(step[1]), sum(_PACMAP_STEPS))
        elif message == "Pairs sampled successfully.":
            progress.step("neighbours", 1, 1)

    progress.step("neighbours", 0, 1)
    with mock.patch.object(library, "print_verbose", hear):
        yield


def _tsne(components: Components, dimensions: int, seed: int, progress: Progress) -> Layout:
    library = _library("openTSNE")
    threads = os.cpu_count() or 1
    perplexity = min(_PERPLEXITY, (len(components) - 1) // 3)
    progress.step("neighbours", 0, 1)
    affinities = library.affinity.PerplexityBasedNN(components, perplexity, n_jobs=threads, random_state=seed)
    progress.step("neighbours", 1, 1)
    done = 0

    def tell(*_: object) -> None:
        nonlocal done
        done += _TSNE_TELLS_EVERY
        progress.step("layout", done, sum(_TSNE_STEPS))

    exaggerated, ordinary = _TSNE_STEPS
    gradient = "bh" if dimensions == 3 else "auto"
    embedding = library.TSNE(
        n_components=dimensions,
        early_exaggeration_iter=exaggerated,
        n_iter=ordinary,
        negative_gradient_method=gradient,
        callbacks=tell,
        callbacks_every_iters=_TSNE_TELLS_EVERY,
        n_jobs=threads,
        random_state=seed,
    ).fit(components, affinities=affinities)
    parameters = {"perplexity": perplexity, "n_iter": list(_TSNE_STEPS), "gradient": gradient, "threads": threads}
    return Layout(np.asarray(embedding, dtype=np.float32), "tsne", parameters)


def _library(name: str) -> Any:
    """Import what only the extra `map` brings, and only those need who ask for it: numba takes seconds."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = name.partition(".")[0]
        raise CannotLayOut(f"{package} is not installed; pip install 'winnow[map]' brings it.") from error
    # numba, where neither its package's folder nor a home can be written to, as in many containers.
    except RuntimeError as error:
        raise CannotLayOut(f"{name} cannot be loaded ({error}). NUMBA_CACHE_DIR names a folder to write to.") from error
