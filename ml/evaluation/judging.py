"""Everything that is asked of an encoder, on labelled images in two parts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from ml.artifacts import BadArtifact
from ml.encoder import AnyEncoder
from ml.evaluation.knn import NEIGHBOURS, knn_accuracies
from ml.evaluation.probe import LABELS_A_CLASS, few_labels, probe
from ml.evaluation.retrieval import PRECISION_AT, RECALL_AT, retrieval
from ml.evaluation.spectrum import alignment, rank_me, uniformity
from ml.evaluation.splits import Split, require_enough
from ml.evaluation.vectors import vectors_of, vectors_of_views
from ml.images import ListedImage
from ml.progress import Progress

# Enough for three digits, and quick beside the rest.
_IMAGES_FOR_ALIGNMENT = 1000

# With more gaps an encoder would be judged by the images that suit it.
_MOST_WITHOUT_VECTOR = 0.01


def judged(
    encoder: AnyEncoder, split: Split, *, seed: int, threads: int, max_pixels: int, progress: Progress
) -> dict[str, Any]:
    """Return every figure by name, what was left out, and the seconds that each took: values that JSON can hold.

    Raises BadArtifact if the encoder gives no usable vectors, BadLabels if too few images can be read.
    """
    clock = _Clock()
    images, labels = [*split.train, *split.test], np.concatenate([split.train_labels, split.test_labels])
    with clock.times("vectors"):
        vectors, unreadable = vectors_of(encoder, images, threads=threads, max_pixels=max_pixels, progress=progress)
    usable = np.isfinite(vectors).all(axis=1)
    without = int((~usable).sum()) - len(unreadable)
    if without > _MOST_WITHOUT_VECTOR * len(images):
        raise BadArtifact(
            f"The encoder {encoder.manifest.name} cannot be judged: what it gives is zero or not finite for "
            f"{without:,} of {len(images):,} images."
        )
    in_test = np.arange(len(images)) >= len(split.train)
    learnt, tested = usable & ~in_test, usable & in_test
    train, test = (vectors[learnt], labels[learnt]), (vectors[tested], labels[tested])
    require_enough(train[1], test[1])
    bank, bank_labels, queries, query_labels = map(torch.from_numpy, (*train, *test))

    figures: dict[str, Any] = {"images": {"train": len(bank), "test": len(queries)}}
    figures["left_out"] = {"unreadable": [f"{entry.path} {entry.reason}" for entry in unreadable], "no_vector": without}
    with clock.times("knn"):
        accuracies = knn_accuracies(bank, bank_labels, queries, query_labels)
        figures["knn"] = {str(k): accuracy for k, accuracy in accuracies.items()}
    with clock.times("probe"):
        figures["probe"] = probe(*train, *test, seed=seed)._asdict()
    with clock.times("few_labels"):
        results = few_labels(*train, *test, seed=seed, told=lambda *counts: progress.step("few labels", *counts))
        figures["few_labels"] = {str(result.labels): _spread(result.accuracies) for result in results}
    with clock.times("retrieval"):
        figures["retrieval"] = retrieval(queries, query_labels)
    with clock.times("spectrum"):
        figures |= {"rank_me": rank_me(bank), "uniformity": uniformity(queries)}
    with clock.times("alignment"):
        some = [image for image, use in zip(images, tested, strict=True) if use]
        figures["alignment"] = _alignment(
            encoder, some, seed=seed, threads=threads, max_pixels=max_pixels, progress=progress
        )
    smallest = min(Counter(train[1].tolist()).values())
    notes = _notes(figures, dimension=encoder.manifest.dimension, smallest=smallest)
    return figures | {"notes": notes, "seconds": clock.seconds}


def _alignment(
    encoder: AnyEncoder, images: list[ListedImage], *, seed: int, threads: int, max_pixels: int, progress: Progress
) -> float | None:
    """Return the alignment of some images' views, or None for an encoder that does not see squares."""
    height, width = encoder.manifest.input_size
    if height != width:
        return None
    rows = np.random.default_rng(seed).permutation(len(images))[:_IMAGES_FOR_ALIGNMENT]
    some = [images[row] for row in sorted(rows)]
    pairs = vectors_of_views(encoder, some, seed=seed, threads=threads, max_pixels=max_pixels, progress=progress)
    first, second = map(torch.from_numpy, pairs)
    usable = (first + second).isfinite().all(dim=1)
    return alignment(first[usable], second[usable]) if usable.any() else None


def _spread(accuracies: list[float]) -> dict[str, Any]:
    return {"mean": mean(accuracies), "spread": stdev(accuracies), "accuracies": accuracies}


def _notes(figures: dict[str, Any], *, dimension: int, smallest: int) -> list[str]:
    """Say in sentences what was left out, and which of the usual figures are missing."""
    train, test = figures["images"]["train"], figures["images"]["test"]
    unreadable, without = len(figures["left_out"]["unreadable"]), figures["left_out"]["no_vector"]
    few = [str(count) for count in LABELS_A_CLASS if count > smallest]
    beyond = [str(k) for k in sorted({*PRECISION_AT, *RECALL_AT}) if k >= test]
    alone = test - figures["retrieval"]["queries"]
    remarks = {
        f"Images left out, for they cannot be read: {unreadable:,}.": unreadable,
        f"Images left out, without a usable vector: {without:,}.": without,
        f"No kNN of more than {train:,} neighbours: there are no more images to learn from.": train < max(NEIGHBOURS),
        f"Nothing from {', '.join(few)} labels a class: the smallest class has {smallest:,} images.": few,
        f"No precision or recall at {', '.join(beyond)}: the test has {test:,} images.": beyond,
        f"Images of the test that are no queries, alone in their class: {alone:,}.": alone,
        f"RankMe is held down by the number of images ({train:,}, of {dimension:,} numbers).": train < 2 * dimension,
        "No alignment: the encoder does not see squares.": figures["alignment"] is None,
    }
    return [sentence for sentence, applies in remarks.items() if applies]


class _Clock:
    """Seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def times(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 2)
