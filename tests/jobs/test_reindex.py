import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from app.jobs import queries as jobs
from app.jobs import reindex as reindexing
from app.jobs.child import ChildFailed, Stopped
from app.jobs.imports import import_here
from app.jobs.reindex import NothingToIndex, ServedEncoderGone, checked_index, has_seen_all, reindex
from app.pools.queries import create_pool
from app.registry import encoders, queries
from app.registry.encoders import EncoderDamaged, find_encoder
from app.search.served_index import ServedIndex
from app.search.unfit import UnfitIndex
from app.settings import PROJECT
from app.tables import JournalEntry
from ml.artifacts import IndexManifest
from tests.conftest import one_database
from tests.jobs.conftest import ImportedPool, write_pictures

SHIPPED = "simclr-resnet18-96"


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
    result = do(reindex, pool, encoder=SHIPPED)
    version = served(pool)
    assert (result["count"], result["left_out"], result["index_version"]) == (40, 0, version.id)
    assert (version.encoder, version.dimension, version.count) == (SHIPPED, 512, 40)
    digests = np.load(settings.indexes / version.artifact / "images.npy")
    with database.read() as session:
        assert (queries.image_rows(session, pool_id=pool.id, digests=digests) > 0).all()
    job = last_job(pool)
    assert (job.state, job.phase, job.done, job.total) == ("done", "check", 40, 40)
    assert not any(settings.vectors.iterdir()), "what was half-built is removed"
    assert has_seen_all(database, settings, pool_id=pool.id)


@one_database
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


@one_database
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


@one_database
def test_a_damaged_served_version_only_makes_the_reindex_longer(settings, imported, do, served):
    pool = imported(6)
    do(reindex, pool)
    damaged = settings.indexes / served(pool).artifact / "index.faiss"
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert do(reindex, pool)["count"] == 6


@one_database
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


@one_database
def test_a_pool_whose_files_are_all_gone_cannot_be_indexed(imported, do, served):
    pool = imported(3)
    shutil.rmtree(pool.folder)
    with pytest.raises(NothingToIndex, match="None of the 3 images of “stripes” can be read"):
        do(reindex, pool)
    assert served(pool) is None


@one_database
def test_a_flipped_byte_in_the_encoder_fails_the_job_and_what_was_served_stays(
    settings, imported, do, served, last_job
):
    pool = imported(3)
    do(reindex, pool)
    before = served(pool)
    mine = settings.home / "encoders" / "mine"
    shutil.copytree(PROJECT / "ml" / "encoders" / SHIPPED, mine)
    content = bytearray((mine / "encoder.onnx").read_bytes())
    content[1000] ^= 1
    (mine / "encoder.onnx").write_bytes(content)
    with pytest.raises(EncoderDamaged):
        do(reindex, pool, encoder="mine")
    assert last_job(pool).state == "failed"
    assert last_job(pool).error.startswith("The encoder “mine” cannot be used")
    assert served(pool) == before


@one_database
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


@one_database
def test_an_index_of_another_dimension_does_not_fit(settings, imported, do, served):
    pool = imported(3)
    do(reindex, pool)
    _, encoder = find_encoder(settings, settings.encoder)
    index: Path = settings.indexes / served(pool).artifact
    assert checked_index(index, encoder).count == 3
    with pytest.raises(UnfitIndex, match="vectors of 48 numbers, but the encoder “colour-grid” makes 128"):
        checked_index(index, replace(encoder, dimension=128))
    with pytest.raises(UnfitIndex, match="made by another encoder"):
        checked_index(index, replace(encoder, epochs=1))


@one_database
def test_new_images_are_noticed(settings, database, imported, do):
    pool = imported(3)
    assert not has_seen_all(database, settings, pool_id=pool.id)
    do(reindex, pool)
    assert has_seen_all(database, settings, pool_id=pool.id)
    write_pictures(pool.folder, 4, seed=2)
    import_here(database, settings, pool_id=pool.id, folder=pool.folder, report=lambda *_: None)
    assert not has_seen_all(database, settings, pool_id=pool.id)


@pytest.fixture
def another_encoder(settings):
    """An encoder of one's own, as quick as the usual one and not the same."""
    usual, manifest = find_encoder(settings, settings.encoder)
    shutil.copytree(usual, usual.with_name("another"))
    replace(manifest, name="another", epochs=1).write(usual.with_name("another"))
    return "another"


@one_database
def test_what_was_built_is_checked_and_the_figures_are_kept(imported, do, served):
    pool = imported(12)
    result = do(reindex, pool)
    assert (result["served"], result["removed"]) == (True, [])
    assert result["checks"] == served(pool).checks
    assert served(pool).checks == {
        "images": 12,
        "count": 12,
        "left_out": 0,
        "looked_for": 12,
        "found_themselves": 12,
        "depth": 12,
        "recall": 1.0,
    }


def test_another_encoders_version_waits_as_a_candidate_unless_it_is_to_be_served(
    settings, imported, do, served, database
):
    pool = imported(5)
    # They differ in dimension too.
    do(reindex, pool, encoder=SHIPPED)
    first = served(pool)
    candidate = do(reindex, pool, encoder=settings.encoder)
    assert (candidate["served"], candidate["encoder"]) == (False, settings.encoder)
    assert served(pool) == first
    asked = do(reindex, pool, encoder=settings.encoder, serve=True)
    assert (asked["served"], served(pool).id) == (True, asked["index_version"])
    with database.read() as session:
        moves = session.scalars(select(JournalEntry).where(JournalEntry.act == "serve").order_by(JournalEntry.id)).all()
    assert [move.details for move in moves] == [
        {"from": None, "to": first.id},
        {"from": first.id, "to": asked["index_version"]},
    ]
    assert all(move.job_id for move in moves)


@one_database
def test_new_images_join_the_served_version_whatever_the_usual_encoder_is(
    settings, database, imported, do, served, another_encoder
):
    pool = imported(4)
    do(reindex, pool, encoder=another_encoder)
    assert served(pool).encoder == another_encoder
    kept = pool.folder.with_name("kept")
    # Without their files only a vector made before can be theirs: nothing but the new ones is embedded.
    pool.folder.rename(kept)
    write_pictures(pool.folder.with_name("more"), 3, seed=7)
    import_here(database, settings, pool_id=pool.id, folder=pool.folder.with_name("more"), report=lambda *_: None)
    result = do(reindex, pool)
    assert (result["encoder"], result["count"], result["left_out"], result["served"]) == (another_encoder, 7, 0, True)
    assert served(pool).id == result["index_version"]


@one_database
def test_without_the_served_versions_encoder_nothing_is_indexed_by_another_one_unasked(
    settings, imported, do, served, another_encoder
):
    pool = imported(4)
    do(reindex, pool, encoder=another_encoder)
    shutil.rmtree(find_encoder(settings, another_encoder)[0])
    with pytest.raises(ServedEncoderGone, match=f"“{another_encoder}”.* is no longer there. Put its folder back, or"):
        do(reindex, pool)
    result = do(reindex, pool, encoder=settings.encoder, serve=True)
    assert (served(pool).id, served(pool).encoder) == (result["index_version"], settings.encoder)


@one_database
def test_what_a_kill_left_between_publishing_and_its_row_is_cleared_away(settings, imported, do, served):
    pool = imported(3)
    do(reindex, pool)
    left = settings.indexes / f"{pool.id}-{'0' * 12}-abandoned"
    shutil.copytree(settings.indexes / served(pool).artifact, left)
    do(reindex, pool)
    assert not left.exists()


@one_database
def test_old_versions_go_and_those_that_are_wanted_stay(settings, imported, do, served, database):
    pool = imported(3)
    made = [do(reindex, pool)["index_version"] for _ in range(5)]
    with database.read() as session:
        there = [version.id for version in queries.versions_of(session, pool_id=pool.id)]
        gone = queries.version(session, id=made[0])
    assert there == [made[4], made[3], made[2], made[1]], "the served one and three more"
    assert gone.removed_at is not None
    assert len(list(settings.indexes.iterdir())) == 4


def test_a_job_that_is_stopped_at_the_last_moment_leaves_nothing(settings, database, imported, do, served, monkeypatch):
    pool = imported(3)
    register = reindexing._register

    def stopped_first(work, *rest):
        with database.write() as session:
            jobs.stop(session, id=work.job.id)
        return register(work, *rest)

    monkeypatch.setattr(reindexing, "_register", stopped_first)
    with pytest.raises(Stopped):
        do(reindex, pool)
    assert served(pool) is None
    assert not list(settings.indexes.iterdir())


@one_database
def test_an_index_that_misses_images_is_unfit_and_never_registered(settings, database, imported, do, monkeypatch):
    pool = imported(3)
    index = reindexing._index

    def forgetful(work, place, target):
        # As if the list of images had lost one on its way.
        (listed := place / "images.jsonl").write_text("".join(listed.read_text().splitlines(keepends=True)[:-1]))
        shutil.rmtree(place / "vectors")
        reindexing._embed(work, encoders.find_encoder(settings, settings.encoder)[0], None, place, None)
        index(work, place, target)

    monkeypatch.setattr(reindexing, "_index", forgetful)
    with pytest.raises(UnfitIndex, match="The index knows 2 images, but the pool had 3"):
        do(reindex, pool)
    with database.read() as session:
        assert queries.versions_of(session, pool_id=pool.id) == []
    assert not list(settings.indexes.iterdir())
