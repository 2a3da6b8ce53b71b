"""Whether an index version is fit to be served."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.search import checking
from app.search.checking import check_index
from app.search.served_index import ServedIndex
from ml.artifacts import BadArtifact
from tests.search.published import made_up_vectors, publish


def test_a_sound_version_finds_its_images_and_all_that_exact_search_finds(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    index = publish(tmp_path / "index", made_up_vectors(300, 24))
    checks = check_index(index, told=lambda done, total: told.append((done, total)))
    assert (checks.count, checks.left_out, checks.looked_for, checks.found_themselves) == (300, 0, 100, 100)
    assert (checks.depth, checks.recall, checks.fit) == (60, 1.0, True)
    assert told[-1] == (100, 100)
    assert check_index(index) == checks


def test_images_that_are_all_alike_find_one_another_and_are_no_fault(tmp_path: Path) -> None:
    alike = np.repeat(made_up_vectors(1, 24), 70, axis=0)
    assert check_index(publish(tmp_path / "index", alike)).fit


def test_a_pool_of_one_image_is_checked(tmp_path: Path) -> None:
    vectors = made_up_vectors(2, 24)
    vectors[1] = vectors[0]
    checks = check_index(publish(tmp_path / "index", vectors))
    assert (checks.looked_for, checks.depth, checks.fit) == (2, 2, True)


def test_a_search_that_gives_other_rows_is_unfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = publish(tmp_path / "index", made_up_vectors(300, 24))

    class Astray(ServedIndex):
        def score(self, direction: np.ndarray) -> np.ndarray:
            return np.roll(super().score(direction), 1)

    monkeypatch.setattr(checking, "ServedIndex", Astray)
    checks = check_index(index)
    assert (checks.found_themselves, checks.fit) == (0, False)
    assert checks.recall < 0.5


def test_a_damaged_version_is_refused(tmp_path: Path) -> None:
    index = publish(tmp_path / "index", made_up_vectors(30, 24))
    content = bytearray((index / "index.faiss").read_bytes())
    content[-1] ^= 1
    (index / "index.faiss").write_bytes(content)
    with pytest.raises(BadArtifact, match="damaged"):
        check_index(index)
