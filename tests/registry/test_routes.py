import re
import shutil

import pytest

from tests.conftest import one_database
from tests.seeded import seed_pool, serve_new_version, two_heaps

pytestmark = one_database


@pytest.fixture
def pool(settings, database):
    return seed_pool(settings, database, vectors=two_heaps(3, 4), name="birds")


def test_encoders_are_listed_with_the_default(client):
    answer = client.get("/api/v1/encoders").json()
    shipped = {item["name"]: item for item in answer["items"]}[answer["default"]]
    assert (shipped["dimension"], shipped["problem"]) == (512, None)


def test_the_served_version_is_told_and_moved(client, pool):
    (version,) = client.get("/api/v1/pools/birds/index-versions").json()["items"]
    assert (version["count"], version["served"], version["pinned_by"]) == (7, True, 0)
    assert client.get("/api/v1/pools/birds/served").json()["index_version"].items() <= version.items()
    answer = client.put("/api/v1/pools/birds/served", json={"index_version": version["id"]})
    assert (answer.status_code, answer.json()["index_version"]["id"]) == (200, version["id"])


def test_a_version_that_was_served_once_is_no_candidate(client, settings, database, pool):
    serve_new_version(settings, database, pool, vectors=two_heaps(3, 4))
    assert standing(client, "served_before") == {1: False, 2: False}
    assert badges(client) == {1: ["candidate"], 2: ["served"]}
    for version, told in ((1, {1: ["served"], 2: ["served before"]}), (2, {1: ["served before"], 2: ["served"]})):
        assert client.put("/api/v1/pools/birds/served", json={"index_version": version}).status_code == 200
        assert badges(client) == told
    assert standing(client, "served_before") == {1: True, 2: False}


@pytest.mark.parametrize("gone", ["", "index.faiss"], ids=["folder", "file"])
def test_a_version_whose_files_are_gone_is_missing_and_not_offered(client, settings, database, pool, gone):
    serve_new_version(settings, database, pool, vectors=two_heaps(3, 4))
    assert standing(client, "missing") == {1: False, 2: False}
    assert all(button in client.get("/pools/birds/encoders").text for button in ('id="serve-1"', 'id="compare-1"'))
    place = settings.indexes / "birds-1" / gone
    place.unlink() if gone else shutil.rmtree(place)
    assert standing(client, "missing") == {1: True, 2: False}
    assert badges(client) == {1: ["candidate", "missing"], 2: ["served"]}
    page = client.get("/pools/birds/encoders").text
    assert "its files are gone; reindex the pool with its encoder to get another one" in page
    assert not any(button in page for button in ('id="serve-1"', 'id="compare-1"'))
    assert 'id="remove-1"' in page
    answer = client.put("/api/v1/pools/birds/served", json={"index_version": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "version-lost")


def test_a_version_is_not_compared_with_a_served_one_whose_files_are_gone(client, settings, database, pool):
    serve_new_version(settings, database, pool, vectors=two_heaps(3, 4))
    shutil.rmtree(settings.indexes / "birds-2")
    assert badges(client) == {1: ["candidate"], 2: ["served", "missing"]}
    page = client.get("/pools/birds/encoders").text
    assert 'id="serve-1"' in page
    assert 'id="compare-1"' not in page


def test_a_pool_that_was_never_indexed_serves_nothing(client):
    client.post("/api/v1/pools", json={"name": "cats"})
    assert client.get("/api/v1/pools/cats/served").json() == {"index_version": None}


def test_another_pools_version_is_not_found(client, pool):
    client.post("/api/v1/pools", json={"name": "cats"})
    (version,) = client.get("/api/v1/pools/birds/index-versions").json()["items"]
    answer = client.put("/api/v1/pools/cats/served", json={"index_version": version["id"]})
    assert (answer.status_code, answer.json()["code"]) == (404, "version-not-found")
    assert client.get("/api/v1/pools/birds/served").json()["index_version"]["id"] == version["id"]


def test_versions_of_no_pool_are_not_found(client):
    assert client.get("/api/v1/pools/nope/index-versions").json()["code"] == "pool-not-found"


def standing(client, name):
    """Return one field of each version of the pool, by its id."""
    items = client.get("/api/v1/pools/birds/index-versions").json()["items"]
    return {item["id"]: item[name] for item in items}


def badges(client):
    """Return the badges of each version of the pool on the page of encoders, by its id."""
    lines = re.split(r'id="version-(\d+)"', client.get("/pools/birds/encoders").text.split("</section>")[0])[1:]
    return {
        int(id): re.findall(r'class="badge[^>]*>([^<]*)<', line)
        for id, line in zip(lines[::2], lines[1::2], strict=True)
    }
