import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.jobs import queries as jobs
from app.jobs.child import ChildFailed
from app.jobs.imports import import_here
from app.jobs.reindex import NothingToIndex, UnfitIndex, checked_index, has_seen_all, reindex
from app.pools.queries import create_pool
from app.registry import queries
from app.registry.encoders import EncoderDamaged, find_encoder
from app.search.served_index import ServedIndex
from app.settings import PROJECT
from ml.artifacts import IndexManifest
from tests.jobs.conftest import ImportedPool, write_pictures


@pytest.fixture
def served(database):
    def served(pool):
        with database.read() as session:
            return queries.served_version(session, pool_id=pool.id)

    return served


@pytest.fixture
def last_job(database):
    def last_job(pool):
        with database.read() as session:
            return jobs.jobs_of(session, pool_id=pool.id)[0]

    return last_job


def test_a_reindex_serves_a_vector_for_each_image(settings, database, imported, do, served, last_job):
    pool = imported(40)
    result = do(reindex, pool)
    version = served(pool)
    assert (result["count"], result["left_out"], result["index_version"]) == (40, 0, version.id)
    assert (version.encoder, version.dimension, version.count) == ("simclr-resnet18-96", 512, 40)
    digests = np.load(settings.indexes / version.artifact / "images.npy")
    with database.read() as session:
        assert (queries.image_rows(session, pool_id=pool.id, digests=digests) > 0).all()
    job = last_job(pool)
    assert (job.state, job.phase, job.done, job.total) == ("done", "compare", 40, 40)
    assert not any(settings.vectors.iterdir()), "what was half-built is removed"
    assert has_seen_all(database, settings, pool_id=pool.id)


def test_a_reindex_finds_near_identical_images(settings, imported, do, served, database):
    pool = imported(12)
    with Image.open(pool.folder / "0003.png") as picture:
        picture.resize((80, 80)).save(pool.folder / "again.png")
    import_here(database, settings, pool_id=pool.id, folder=pool.folder, report=lambda *_: None)
    do(reindex, pool)
    index = ServedIndex.open(settings.indexes / served(pool).artifact)
    ids = {hashlib.sha256((pool.folder / name).read_bytes()).hexdigest() for name in ("0003.png", "again.png")}
    assert {index.digests[row].tobytes().hex() for row in index.stacked} == ids
    assert len(np.unique(index.stacks)) == 12


def test_vectors_of_the_served_version_are_taken_over(settings, database, imported, do, served):
    pool = imported(12)
    do(reindex, pool)
    first = served(pool)
    # Without their files only a vector made before can be theirs.
    shutil.rmtree(pool.folder)
    result = do(reindex, pool)
    assert (result["count"], served(pool).count) == (12, 12)
    assert served(pool).id != first.id
    assert IndexManifest.read(settings.indexes / first.artifact).count == 12, "open reviews keep theirs"


def test_a_damaged_served_version_only_makes_the_reindex_longer(settings, imported, do, served):
    pool = imported(6)
    do(reindex, pool)
    damaged = settings.indexes / served(pool).artifact / "index.faiss"
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert do(reindex, pool)["count"] == 6


def test_originals_that_are_gone_or_changed_are_left_out_and_named(settings, imported, do, served):
    pool = imported(6)
    (pool.folder / "0001.png").unlink()
    write_pictures(pool.folder.with_name("other"), 1, seed=1).joinpath("0000.png").replace(pool.folder / "0004.png")
    result = do(reindex, pool)
    assert (result["count"], result["left_out"], served(pool).count) == (4, 2, 4)
    reasons = {entry["path"]: entry["reason"] for entry in result["left_out_named"]}
    assert set(reasons) == {"0001.png", "0004.png"}
    assert "has changed" in reasons["0004.png"]


def test_a_duplicate_stands_in_for_a_file_that_is_gone(imported, do, tmp_path):
    folder = write_pictures(tmp_path / "stripes", 3)
    shutil.copytree(folder, folder / "copies")
    pool = imported(3)
    (pool.folder / "0001.png").unlink()
    assert do(reindex, pool)["count"] == 3


def test_an_empty_pool_cannot_be_indexed(database, do, tmp_path, last_job):
    with database.write() as session:
        pool_id = create_pool(session, name="empty").id
    empty = ImportedPool(pool_id, "empty", tmp_path)
    with pytest.raises(NothingToIndex, match="The pool “empty” has no images yet"):
        do(reindex, empty)
    assert last_job(empty).error == "The pool “empty” has no images yet; import a folder first."


def test_a_pool_whose_files_are_all_gone_cannot_be_indexed(imported, do, served):
    pool = imported(3)
    shutil.rmtree(pool.folder)
    with pytest.raises(NothingToIndex, match="None of the 3 images of “stripes” can be read"):
        do(reindex, pool)
    assert served(pool) is None


def test_a_flipped_byte_in_the_encoder_fails_the_job_and_what_was_served_stays(
    settings, imported, do, served, last_job
):
    pool = imported(3)
    do(reindex, pool)
    before = served(pool)
    mine = settings.home / "encoders" / "mine"
    shutil.copytree(PROJECT / "ml" / "encoders" / settings.encoder, mine)
    content = bytearray((mine / "encoder.onnx").read_bytes())
    content[1000] ^= 1
    (mine / "encoder.onnx").write_bytes(content)
    with pytest.raises(EncoderDamaged):
        do(reindex, pool, encoder="mine")
    assert last_job(pool).state == "failed"
    assert last_job(pool).error.startswith("The encoder “mine” cannot be used")
    assert served(pool) == before


def test_the_sentence_of_a_failing_child_reaches_the_job_without_a_server_path(settings, imported, do, last_job):
    pool = imported(3)
    _, manifest = find_encoder(settings, settings.encoder)
    in_the_way = settings.vectors / f"{pool.id}-{manifest.digest[:12]}" / "vectors"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file where a folder has to be")
    with pytest.raises(ChildFailed):
        do(reindex, pool)
    job = last_job(pool)
    assert job.state == "failed"
    assert "vectors" in job.error
    assert str(settings.home) not in job.error


def test_an_index_of_another_dimension_does_not_fit(settings, imported, do, served):
    pool = imported(3)
    do(reindex, pool)
    _, encoder = find_encoder(settings, settings.encoder)
    index: Path = settings.indexes / served(pool).artifact
    assert checked_index(index, encoder).count == 3
    with pytest.raises(UnfitIndex, match="vectors of 512 numbers, but the encoder “simclr-resnet18-96” makes 128"):
        checked_index(index, replace(encoder, dimension=128))
    with pytest.raises(UnfitIndex, match="made by another encoder"):
        checked_index(index, replace(encoder, epochs=1))


def test_new_images_are_noticed(settings, database, imported, do):
    pool = imported(3)
    assert not has_seen_all(database, settings, pool_id=pool.id)
    do(reindex, pool)
    assert has_seen_all(database, settings, pool_id=pool.id)
    write_pictures(pool.folder, 4, seed=2)
    import_here(database, settings, pool_id=pool.id, folder=pool.folder, report=lambda *_: None)
    assert not has_seen_all(database, settings, pool_id=pool.id)
