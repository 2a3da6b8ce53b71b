import json

import pytest

from app.registry.left_out import LeftOutLine, left_out_images
from app.registry.queries import served_version
from tests.conftest import both_databases, one_database
from tests.seeded import seed_pool, two_heaps

pytestmark = one_database


@pytest.fixture
def pool(settings, database):
    """A pool, of whose images the index left three out."""
    pool = seed_pool(settings, database, vectors=two_heaps(4, 4))
    entries = [
        {"id": pool.images[place], "path": f"/somewhere/{place}.png", "reason": reason}
        for place, reason in ((5, "has no vector"), (2, "is not there"), (7, "has changed since it was listed"))
    ]
    folder = settings.indexes / "birds-1"
    (folder / "left_out.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return pool


def left_out(settings, database, limit):
    with database.read() as session:
        version = served_version(session, pool_id=1)
        return left_out_images(session, settings.indexes, version=version, limit=limit)


@both_databases
def test_images_without_a_vector_are_named_by_the_paths_that_people_know(settings, database, pool):
    assert left_out(settings, database, 10) == [
        LeftOutLine(pool.images[2], "0002.png", "is not there"),
        LeftOutLine(pool.images[5], "0005.png", "has no vector"),
        LeftOutLine(pool.images[7], "0007.png", "has changed since it was listed"),
    ]
    assert len(left_out(settings, database, 2)) == 2


def test_the_page_of_files_lists_them(client, pool):
    page = client.get("/pools/birds/files").text
    assert "Not in the index" in page
    assert "0005.png</td><td>has no vector" in page
    assert "/somewhere" not in page


def test_the_page_of_files_says_so_when_there_is_nothing_to_list(settings, database, client):
    seed_pool(settings, database, vectors=two_heaps(2, 2))
    assert "every image is in the index" in client.get("/pools/birds/files").text
