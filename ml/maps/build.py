"""Build: from vectors to a map, published as an artifact, with pictures of it if they are wanted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ml.artifacts import MapManifest, checksums, now, publishing
from ml.maps.colouring import Colouring
from ml.maps.page import write_page
from ml.maps.painting import Painting, painted
from ml.maps.principal import principal_components
from ml.maps.projections import Coordinates, Layout, Method, check, lay_out
from ml.maps.source import BadVectors, Rows, Source
from ml.progress import Progress

COORDINATES, IMAGES, ROWS = "coordinates.npy", "images.npy", "rows.npy"
PAGE = "map.html"

_COMPONENTS = 50
_LIBRARIES = {"pca": ["numpy"], "pacmap": ["numpy", "pacmap", "numba"], "tsne": ["numpy", "openTSNE"]}


def build_map(
    source: Source,
    out: Path,
    *,
    method: Method,
    dimensions: int,
    seed: int,
    at_most: int | None = None,
    colourings: Sequence[Colouring | None] = (),
    progress: Progress,
) -> MapManifest:
    """Publish a map of the vectors at `out`, rows in the source's order; of more than `at_most`, of a sample.

    For each of `colourings` there is a picture in the folder, and a page that shows them all; None is a picture in
    one colour. Raises BadVectors if there is nothing to lay out, CannotLayOut if the method is not made for so many
    vectors, BadLabels if a colouring fits none of them, BadArtifact if something is at `out` already.
    """
    if not source.count:
        raise BadVectors("There is nothing to lay out: these are no vectors at all.")
    rows = _chosen(source.count, at_most, seed)
    check(method, count=len(rows), dimensions=dimensions)
    digests = None if source.digests is None else source.digests[rows]
    paintings = [painted(colouring, digests, count=len(rows)) for colouring in colourings]
    with publishing(out) as draft:
        began = time.monotonic()
        components = principal_components(
            lambda: source.read(rows), count=len(rows), keep=min(_COMPONENTS, source.dimension), progress=progress
        )
        layout = lay_out(components, method=method, dimensions=dimensions, seed=seed, progress=progress)
        seconds = time.monotonic() - began
        coordinates = in_unit_box(layout.coordinates)
        np.save(draft / COORDINATES, coordinates)
        np.save(draft / ROWS, rows)
        if digests is not None:
            np.save(draft / IMAGES, digests)
        if paintings:
            _draw(coordinates, paintings, draft, title=_title(layout, len(rows), source))
        manifest = MapManifest(
            method=layout.method,
            dimensions=dimensions,
            count=len(rows),
            sampled_from=source.count,
            seed=seed,
            encoder=source.encoder,
            encoder_digest=source.encoder_digest,
            index_digest=source.index_digest,
            parameters={"asked_for": method, "components": components.shape[1], **layout.parameters},
            versions={library: version(library) for library in _LIBRARIES[layout.method]},
            seconds=round(seconds, 1),
            files=checksums(draft, sorted(path.name for path in draft.iterdir())),
            created_at=now(),
        )
        manifest.write(draft)
    return manifest


def in_unit_box(coordinates: Coordinates) -> Coordinates:
    """Move the box around the points to the origin, and scale it so that its longest side is 1."""
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    longest = (high - low).max()
    centred: Coordinates = coordinates - (low + high) / 2
    return centred / longest if longest > 0 else centred


def _chosen(count: int, at_most: int | None, seed: int) -> Rows:
    if at_most is None or count <= at_most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, at_most, replace=False))


def _draw(coordinates: Coordinates, paintings: Sequence[Painting], draft: Path, *, title: str) -> None:
    # matplotlib takes a second to load.
    from ml.maps.scatter import draw_scatter  # noqa: PLC0415

    for painting in paintings:
        name = f"by-{painting.what}.png" if painting.what else "map.png"
        draw_scatter(coordinates, painting, draft / name, title=title)
    write_page(coordinates, paintings, draft / PAGE, title=title)


def _title(layout: Layout, count: int, source: Source) -> str:
    shown = f"{count:,}" if count == source.count else f"{count:,} of {source.count:,}"
    method = {"pca": "PCA", "pacmap": "PaCMAP", "tsne": "t-SNE"}[layout.method]
    return f"{shown} images by {method}" + (f", encoder {source.encoder}" if source.encoder else "")
