"""The gallery of a class, corrections, and the CSV export, over HTTP."""

from __future__ import annotations

import csv
import io
import shutil
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from starlette.testclient import TestClient

from app.db import Database
from app.labels.export import Filters, export_csv
from app.main import create_app
from app.settings import Settings
from app.tables import Commit, Lot, Person, Verdict
from tests.conftest import HERE
from tests.seeded import SeededPool, seed_pool, two_heaps

CLASS = "/api/v1/pools/birds/classes/owl"
EXPORT = "/api/v1/pools/birds/labels.csv"


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(20, 20), classes=("owl", "lark"))


@pytest.fixture
def page(client: TestClient, pool: SeededPool) -> list[str]:
    """Commit a page of ten with two rejects and return its images."""
    body = {"class": "owl", "query": {"images": [pool.images[0]]}}
    review = client.post("/api/v1/pools/birds/reviews", json=body).json()
    page = client.post(f"/api/v1/reviews/{review['id']}/pages", json={"size": 10}).json()
    images = [candidate["image"] for candidate in page["candidates"]]
    client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": images[:2]})
    return images


def rows(client: TestClient, **filters: Any) -> list[dict[str, str]]:
    answer = client.get(EXPORT, params=filters)
    assert answer.status_code == 200, answer.text
    found = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert answer.headers["X-Winnow-Rows"] == str(len(found))
    return found


def gallery(client: TestClient, verdict: str) -> set[str]:
    return {item["image"] for item in client.get(f"{CLASS}/images", params={"verdict": verdict}).json()["items"]}


def test_a_row_tells_where_a_label_comes_from(client: TestClient, page: list[str], pool: SeededPool) -> None:
    found = {row["image"]: row for row in rows(client)}
    assert set(found) == set(page[2:])
    row = found[page[2]]
    assert row["path"] == f"./{pool.images.index(page[2]):04}.png"
    assert (row["class"], row["verdict"], row["who"], row["encoder"]) == ("owl", "accept", "local", "made-up")
    assert (row["review"], row["page"], row["index_version"]) == ("1", "1", "1")
    assert row["when"].endswith("+00:00")
    assert float(row["score"]) != 0


def test_images_of_one_stack_have_the_same_group(client: TestClient, settings: Settings, database: Database) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(8, 8), stacks=[(4, 2, 7)])
    client.post(f"{CLASS}/verdicts", json={"images": pool.images, "verdict": "accept"})
    groups = {row["image"]: row["group"] for row in rows(client)}
    assert {pool.images.index(image) for image, group in groups.items() if group == pool.images[4]} == {2, 4, 7}
    assert all(groups[image] == image for place, image in enumerate(pool.images) if place not in {2, 7})


def test_labels_can_be_had_without_an_index_and_then_no_group_is_told(
    client: TestClient, settings: Settings, page: list[str]
) -> None:
    shutil.rmtree(settings.indexes)
    with TestClient(create_app(settings), base_url="http://localhost", client=HERE) as fresh:
        assert [row["group"] for row in rows(fresh)] == [""] * 8


def test_a_label_tells_what_it_rests_on(client: TestClient, database: Database, page: list[str]) -> None:
    assert {(row["basis"], row["bound"]) for row in rows(client)} == {("seen", "")}
    with database.write() as session:
        lot = Lot(review_id=1, size=8, looks=[60], confidence=0.95, bound=0.975)
        session.add(lot)
        session.flush()
        session.execute(update(Commit).values(lot_id=lot.id))
        session.execute(update(Verdict).values(basis="sample"))
    assert {(row["basis"], row["bound"]) for row in rows(client)} == {("sample", "0.975")}
    assert len(rows(client, rows="verdicts")) == 10


def test_rejects_are_exported_when_asked_for(client: TestClient, page: list[str]) -> None:
    assert {row["image"] for row in rows(client, verdict="reject")} == set(page[:2])
    assert {row["image"] for row in rows(client, verdict="any")} == set(page)
    assert {row["image"] for row in rows(client, verdict=["accept", "reject"])} == set(page)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"class": "OWL"}, 8),
        ({"class": "lark"}, 0),
        ({"person": "local"}, 8),
        ({"person": "LOCAL"}, 8),
        ({"person": "somebody"}, 0),
        ({"since": "2000-01-01"}, 8),
        ({"since": "2999-01-01T00:00:00Z"}, 0),
        ({"until": "2000-01-01T00:00:00"}, 0),
        ({"rows": "verdicts"}, 10),
    ],
)
def test_filters_choose_rows(client: TestClient, page: list[str], filters: dict[str, str], count: int) -> None:
    assert len(rows(client, **filters)) == count


@pytest.mark.parametrize(
    ("filters", "status"), [({"class": "phoenix"}, 404), ({"verdict": "maybe"}, 422), ({"since": "soon"}, 422)]
)
def test_filters_that_cannot_be_used_are_refused(
    client: TestClient, page: list[str], filters: dict[str, str], status: int
) -> None:
    answer = client.get(EXPORT, params=filters)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_the_file_is_named_after_the_pool(client: TestClient, page: list[str]) -> None:
    assert "birds-labels.csv" in client.get(EXPORT).headers["content-disposition"]


def test_the_gallery_shows_a_class_by_verdict(client: TestClient, page: list[str]) -> None:
    assert gallery(client, "accept") == set(page[2:])
    assert gallery(client, "reject") == set(page[:2])
    assert gallery(client, "unsure") == set()


def test_the_gallery_is_read_page_by_page(client: TestClient, page: list[str]) -> None:
    seen: list[str] = []
    after = None
    while True:
        answer = client.get(f"{CLASS}/images", params={"limit": 3} | ({"after": after} if after else {})).json()
        seen += [item["image"] for item in answer["items"]]
        after = answer["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 8


def test_a_verdict_can_be_changed_and_changed_back(client: TestClient, page: list[str]) -> None:
    answer = client.post(f"{CLASS}/verdicts", json={"images": page[2:4], "verdict": "reject"})
    assert answer.status_code == 200
    assert answer.json()["labels"] == {"accepted": 6, "rejected": 4, "unsure": 0, "open": 0}
    assert gallery(client, "reject") == set(page[:4])
    assert client.delete(f"/api/v1/commits/{answer.json()['commit']}").status_code == 200
    assert gallery(client, "accept") == set(page[2:])


def test_a_commit_is_undone_once(client: TestClient, page: list[str]) -> None:
    commit = client.post(f"{CLASS}/verdicts", json={"images": page[2:4], "verdict": "reject"}).json()["commit"]
    assert client.delete(f"/api/v1/commits/{commit}").status_code == 200
    assert client.delete(f"/api/v1/commits/{commit}").status_code == 409
    assert client.delete("/api/v1/commits/999999").status_code == 404


def test_an_image_of_another_pool_cannot_be_labelled(
    client: TestClient, settings: Settings, database: Database, page: list[str]
) -> None:
    other = seed_pool(settings, database, vectors=two_heaps(2, 2), name="others", classes=())
    answer = client.post(f"{CLASS}/verdicts", json={"images": [page[2], other.images[0]], "verdict": "reject"})
    assert answer.status_code == 422
    assert gallery(client, "accept") == set(page[2:])


def test_exports_of_many_rows_come_from_one_snapshot(
    client: TestClient, database: Database, pool: SeededPool, page: list[str]
) -> None:
    with database.read() as reading:
        lines = export_csv(reading, pool_id=1, filters=Filters(), groups=None)
        next(lines)
        client.post(f"{CLASS}/verdicts", json={"images": page, "verdict": "reject"})
        assert "".join(lines).count("\n") == 10


def test_the_database_refuses_two_commits_in_force_for_one_page(database: Database, page: list[str]) -> None:
    def commit_again() -> None:
        with database.write() as session:
            person = session.scalars(select(Person.id)).one()
            session.add(
                Commit(kind="page", pool_id=1, class_id=1, person_id=person, page_id=1, generation=0, review_id=1)
            )

    with pytest.raises(IntegrityError):
        commit_again()
