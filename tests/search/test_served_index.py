from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from app.search.ranking import Floats, learned_direction
from app.search.served_index import IndexShelf, IndexUnusable, Learned, ServedIndex
from ml.artifacts import BadArtifact, IndexManifest
from tests.search.published import FILES, made_up_vectors, publish

VECTORS = made_up_vectors(count=300, dimension=24)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return publish(tmp_path / "birds-1", VECTORS)


def test_an_index_version_shows_what_was_written(folder: Path) -> None:
    index = ServedIndex.open(folder)

    assert np.array_equal(index.vectors, VECTORS)
    assert np.array_equal(index.digests, np.load(folder / "images.npy"))
    assert index.pool.count == index.manifest.count == 300
    assert np.allclose(index.pool.mean, VECTORS.mean(axis=0), atol=1e-6)
    assert index.pool.covariance.shape == (24, 24)


def test_every_vector_gets_its_inner_product(folder: Path) -> None:
    direction = made_up_vectors(1, 48)[0, ::2]  # not contiguous

    scores = ServedIndex.open(folder).score(direction)

    assert scores.dtype == np.float32
    assert np.allclose(scores, VECTORS @ direction, atol=1e-6)


def test_a_direction_of_another_dimension_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="24 numbers"):
        ServedIndex.open(folder).score(np.ones(25, np.float32))


def test_what_is_learned_is_the_same_whether_it_was_asked_for_before_or_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = ServedIndex.open(folder)
    nothing = np.empty((0, 24), np.float32)
    passes = []
    score = ServedIndex.score

    def counted(self: ServedIndex, direction: Floats) -> Floats:
        passes.append(direction)
        return score(self, direction)

    monkeypatch.setattr(ServedIndex, "score", counted)
    monkeypatch.setattr("app.search.served_index._BYTES_KEPT", 2 * 4 * len(VECTORS))

    def learned(*accepted: int, rejected: Sequence[int] = ()) -> Learned:
        rows = np.array(accepted, np.int64), np.array(rejected, np.int64)
        return index.learned(query=VECTORS[:1], unwanted=nothing, accepted=rows[0], rejected=rows[1])

    first = learned(3, 4, rejected=[7])
    again = learned(3, 4, rejected=[7])
    direction = learned_direction(query=VECTORS[:1], accepted=VECTORS[3:5], rejected=VECTORS[7:8], pool=index.pool)
    assert np.array_equal(first.direction, direction)
    assert np.array_equal(again.scores, score(index, direction))
    assert np.array_equal(again.examples["rejected"], VECTORS[7:8])
    assert len(passes) == 1
    with pytest.raises(ValueError, match="read-only"):
        again.scores[0] = 0
    # Another question has another answer, and of three the first one asked is forgotten.
    assert not np.array_equal(learned(3, rejected=[4, 7]).scores, first.scores)
    learned(3)
    assert len(passes) == 3
    assert np.array_equal(learned(3, 4, rejected=[7]).scores, first.scores)
    assert len(passes) == 4


def test_the_vectors_lie_in_the_mapped_file_and_cannot_be_written_to(folder: Path) -> None:
    index = ServedIndex.open(folder)

    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("/index.faiss")]
    ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in mapped]
    address = index.vectors.__array_interface__["data"][0]
    assert any(start <= address < end for start, end in ranges)
    with pytest.raises(ValueError, match="read-only"):
        index.vectors[0] = 0


def test_vectors_stay_valid_when_the_index_is_dropped_and_its_folder_is_gone(folder: Path) -> None:
    rows = ServedIndex.open(folder).vectors[10:20]
    shutil.rmtree(folder)
    gc.collect()

    assert np.array_equal(rows, VECTORS[10:20])


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_noticed(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(BadArtifact):
        ServedIndex.open(folder)


@pytest.mark.parametrize("kept", [0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_file_cut_short_is_noticed(folder: Path, name: str, kept: float) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(kept * len(content))])

    with pytest.raises(BadArtifact):
        ServedIndex.open(folder)


def _of_other_images(folder: Path) -> None:
    np.save(folder / "images.npy", np.zeros((299, 32), np.uint8))


def _of_another_dimension(folder: Path) -> None:
    replace(IndexManifest.read(folder), dimension=512).write(folder)


def _of_another_count(folder: Path) -> None:
    replace(IndexManifest.read(folder), count=301).write(folder)


def _without_covariance(folder: Path) -> None:
    np.savez(folder / "statistics.npz", mean=np.zeros(24, np.float32))


@pytest.mark.parametrize("spoil", [_of_other_images, _of_another_dimension, _of_another_count, _without_covariance])
def test_files_that_do_not_belong_together_are_noticed(folder: Path, spoil: Callable[[Path], None]) -> None:
    spoil(folder)

    with pytest.raises(BadArtifact):
        ServedIndex.open(folder)


def test_a_version_knows_the_stack_of_each_image(tmp_path: Path) -> None:
    leaders = np.arange(300, dtype=np.int32)
    leaders[[3, 7, 9]], leaders[250] = 7, 10
    index = ServedIndex.open(publish(tmp_path / "stacked", VECTORS, stacks=leaders))

    assert np.array_equal(index.stacks, leaders)
    assert index.stacked.tolist() == [3, 7, 9, 10, 250]
    assert [index.stack_of(row).tolist() for row in (3, 7, 10, 11)] == [[3, 7, 9], [3, 7, 9], [10, 250], [11]]


def test_in_a_version_built_without_looking_for_stacks_every_image_is_alone(folder: Path) -> None:
    index = ServedIndex.open(folder)

    assert index.stacks.tolist() == list(range(300))
    assert index.stacked.size == 0
    assert index.stack_of(5).tolist() == [5]


@pytest.mark.parametrize(
    "stacks",
    [
        np.arange(299, dtype=np.int32),
        np.arange(1, 301, dtype=np.int32),
        np.arange(-1, 299, dtype=np.int32),
        np.maximum(np.arange(300, dtype=np.int32) - 1, 0),
        np.arange(300, dtype=np.float32),
    ],
    ids=["too few", "beyond the end", "below the start", "leaders led by others", "no rows"],
)
def test_stacks_that_cannot_be_are_noticed(tmp_path: Path, stacks: np.ndarray) -> None:
    with pytest.raises(BadArtifact, match="near-identical"):
        ServedIndex.open(publish(tmp_path / "odd", VECTORS, stacks=stacks))


def test_an_index_over_distances_is_refused(tmp_path: Path) -> None:
    folder = publish(tmp_path / "distances", VECTORS, metric=faiss.METRIC_L2)

    with pytest.raises(BadArtifact, match="inner products"):
        ServedIndex.open(folder)


def test_the_shelf_opens_a_version_once_for_all_threads(folder: Path) -> None:
    shelf = IndexShelf(folder.parent)

    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(shelf.open, [folder.name] * 32))

    assert len({id(index) for index in opened}) == 1


def test_the_least_recently_used_version_is_closed_beyond_the_budget(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        publish(tmp_path / name, VECTORS)
    shelf = IndexShelf(tmp_path, budget=2 * VECTORS.nbytes)
    a, b = shelf.open("a"), shelf.open("b")
    assert shelf.open("a") is a
    shelf.open("c")

    assert shelf.open("a") is a
    assert shelf.open("b") is not b
    # Whoever holds the closed one goes on with it.
    assert np.array_equal(b.vectors, VECTORS)


def test_a_version_larger_than_the_budget_is_kept_while_it_is_the_latest(folder: Path) -> None:
    shelf = IndexShelf(folder.parent, budget=1)

    assert shelf.open(folder.name) is shelf.open(folder.name)


def test_a_damaged_version_is_refused_without_its_path_and_opens_once_it_is_whole(tmp_path: Path) -> None:
    shelf = IndexShelf(tmp_path)

    with pytest.raises(IndexUnusable) as refusal:
        shelf.open("birds-1")
    assert str(tmp_path) not in refusal.value.sentence

    publish(tmp_path / "birds-1", VECTORS)
    assert shelf.open("birds-1").manifest.count == 300
