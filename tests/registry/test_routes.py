import pytest

from tests.conftest import one_database
from tests.seeded import seed_pool, two_heaps

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
