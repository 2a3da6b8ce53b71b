import hashlib

import numpy as np
import pytest
from sqlalchemy import event, select

from app.db import Database
from app.pools.queries import create_pool
from app.registry import queries
from app.registry.queries import VersionNotFound
from app.registry.row_maps import RowMaps
from app.registry.serving import serve
from app.tables import Encoder, Image, PoolImage, Served
from tests.conftest import both_databases, one_database

pytestmark = one_database


def add_pool(database: Database, name: str) -> int:
    with database.write() as session:
        return create_pool(session, name=name).id


def add_version(database: Database, pool_id: int, artifact: str) -> int:
    with database.write() as session:
        encoder = session.scalars(select(Encoder)).one_or_none() or Encoder(name="e", digest="d" * 64, dimension=4)
        session.add(encoder)
        session.flush()
        return queries.add_version(session, pool_id=pool_id, encoder_id=encoder.id, artifact=artifact, count=3)


def test_no_version_is_served_before_the_first_reindex(database):
    pool_id = add_pool(database, "cats")
    with database.read() as session:
        assert queries.served_version(session, pool_id=pool_id) is None


@both_databases
def test_serving_moves_the_one_pointer(database):
    pool_id = add_pool(database, "cats")
    first, second = add_version(database, pool_id, "a"), add_version(database, pool_id, "b")
    for version_id in (first, second, second):
        with database.write() as session:
            serve(session, pool_id=pool_id, version_id=version_id)
    with database.read() as session:
        served = queries.served_version(session, pool_id=pool_id)
        assert (served.id, served.artifact, served.encoder, served.dimension) == (second, "b", "e", 4)
        assert len(session.scalars(select(Served)).all()) == 1
        assert [version.id for version in queries.versions_of(session, pool_id=pool_id)] == [second, first]


@both_databases
def test_serving_what_is_served_does_not_renew_the_moment(database):
    pool_id = add_pool(database, "cats")
    version_id = add_version(database, pool_id, "a")
    moments = []
    for _ in range(2):
        with database.write() as session:
            serve(session, pool_id=pool_id, version_id=version_id)
        with database.read() as session:
            moments.append(session.scalars(select(Served.since)).one())
    assert moments[0] == moments[1]


def test_a_version_of_another_pool_cannot_be_served(database):
    cats, dogs = add_pool(database, "cats"), add_pool(database, "dogs")
    version_id = add_version(database, dogs, "a")
    with pytest.raises(VersionNotFound), database.write() as session:
        serve(session, pool_id=cats, version_id=version_id)


@both_databases
def test_rows_name_the_images_of_their_own_pool(database):
    pool_id = add_pool(database, "cats")
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(4)]
    with database.write() as session:
        images = [Image(sha256=sha256, width=1, height=1, format="PNG") for sha256 in hashes]
        session.add_all(images)
        session.flush()
        session.add_all([PoolImage(pool_id=pool_id, image_id=image.id) for image in images[:3]])
        ids = [image.id for image in images]
    digests = np.array([list(bytes.fromhex(hashes[number])) for number in (2, 0, 3, 1)], dtype=np.uint8)
    with database.read() as session:
        rows = queries.image_rows(session, pool_id=pool_id, digests=digests)
    assert rows.dtype == np.int64
    assert rows.tolist() == [ids[2], ids[0], -1, ids[1]]


def test_a_row_map_is_made_once(database):
    pool_id = add_pool(database, "cats")
    version_id = add_version(database, pool_id, "a")
    maps, statements = RowMaps(), []
    with database.read() as session:
        version = queries.version(session, id=version_id)
        event.listen(database.engine, "before_cursor_execute", lambda *details: statements.append(details[2]))
        digests = np.zeros((3, 32), dtype=np.uint8)
        assert maps.of(session, version=version, digests=digests) is maps.of(session, version=version, digests=digests)
    assert len([text for text in statements if "FROM image" in text]) == 1


def test_the_row_map_used_longest_ago_makes_way(database):
    pool_id = add_pool(database, "cats")
    ids = [add_version(database, pool_id, name) for name in "abc"]
    maps, digests = RowMaps(most=2), np.zeros((1, 32), dtype=np.uint8)
    with database.read() as session:
        versions = [queries.version(session, id=version_id) for version_id in ids]
        first, second = (maps.of(session, version=version, digests=digests) for version in versions[:2])
        assert maps.of(session, version=versions[0], digests=digests) is first
        maps.of(session, version=versions[2], digests=digests)
        assert maps.of(session, version=versions[0], digests=digests) is first
        assert maps.of(session, version=versions[1], digests=digests) is not second
