from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.search.served_index import ServedIndex
from bench.effort.annotators import perfect
from bench.effort.figures import recall
from bench.effort.playing import play
from bench.effort.pools import Pool
from bench.effort.rules import Rule, cosine, winnow
from ml.encoder import Encoder
from ml.images import read_rgb
from tests.search.published import publish

SHIPPED = Path(__file__).resolve().parents[2] / "ml" / "encoders" / "simclr-resnet18-96"
PER_CLASS = 60
PAGES, SIZE = 6, 10  # as many candidates as there are pictures of a class


@pytest.fixture(scope="module")
def pictures(real_images: Path) -> list[Path]:
    chosen = []
    for folder in sorted((real_images / "imagenette-96" / "val").iterdir()):
        chosen += random.Random(1).sample(sorted(folder.glob("*.jpg")), PER_CLASS)
    return chosen


@pytest.fixture(scope="module")
def index(pictures: list[Path], tmp_path_factory: pytest.TempPathFactory) -> ServedIndex:
    encoder = Encoder.open(SHIPPED)
    vectors = encoder.encode([encoder.prepare(read_rgb(path, max_pixels=10_000)) for path in pictures])
    return ServedIndex.open(publish(tmp_path_factory.mktemp("indexes") / "imagenette", vectors))


def test_verdicts_find_far_more_of_a_class_than_its_looks_alone(pictures: list[Path], index: ServedIndex) -> None:
    classes = np.array([path.parent.name for path in pictures])
    pool = Pool.of("imagenette", np.array(index.vectors), classes)

    def recalls(rule: Rule) -> NDArray[np.float64]:
        queries = range(0, len(pictures), PER_CLASS // 2)  # two of each class
        courses = [play(pool, query, rule, perfect, pages=PAGES, size=SIZE) for query in queries]
        return np.array([[recall(course, page) for page in (1, PAGES)] for course in courses])

    learned, plain = recalls(winnow), recalls(cosine)

    assert learned[:, -1].mean() > 1.25 * plain[:, -1].mean()
    assert learned[:, -1].min() > plain[:, -1].min()
    # The first page is chosen before there is a verdict; the rule must not cost anything there.
    assert learned[:, 0].mean() > 0.97 * plain[:, 0].mean()
