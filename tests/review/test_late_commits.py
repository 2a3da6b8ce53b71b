"""Commits of pages whose lease ran out: what nobody else decided is stored, the rest is told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.settings import Settings
from tests.conftest import HERE
from tests.people import acting_as, person
from tests.review.conftest import commit, labels, shown
from tests.seeded import SeededPool, seed_pool, two_heaps

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]
RunOut = Callable[[], None]
AdaGets = Callable[..., dict[str, Any]]


@pytest.fixture
def ada(settings: Settings, database: Database) -> Iterator[TestClient]:
    """A client of the same server that somebody else uses."""
    app = create_app(settings)
    with (
        TestClient(app, base_url="http://localhost", client=HERE, raise_server_exceptions=False) as client,
        acting_as(client, person(database, "Ada", admin=True)),
    ):
        yield client


@pytest.fixture
def ada_gets(ada: TestClient, pool: SeededPool) -> AdaGets:
    """Start a review of Ada's and return its first page."""

    def ada_gets(label: str = "owl", size: int = 10) -> dict[str, Any]:
        body = {"class": label, "query": {"images": [pool.images[0]]}}
        review = ada.post(f"/api/v1/pools/{pool.name}/reviews", json=body).json()
        page = ada.post(f"/api/v1/reviews/{review['id']}/pages", json={"size": size, "plant": False}).json()
        return dict(page)

    return ada_gets


def test_a_late_commit_is_accepted_where_nobody_decided_meanwhile(
    client: TestClient, start: Start, get_page: GetPage, run_out: RunOut, ada_gets: AdaGets
) -> None:
    page = get_page(start())
    run_out()
    ada_gets()
    answer = commit(client, page, rejected=shown(page)[:2])
    assert (answer["accepted"], answer["rejected"], answer["by_others"]) == (8, 2, [])
    assert labels(client) == set(shown(page)[2:])


def test_what_somebody_else_decided_meanwhile_is_told_apart_and_the_rest_is_stored(
    client: TestClient, start: Start, get_page: GetPage, run_out: RunOut, ada: TestClient, ada_gets: AdaGets
) -> None:
    page = get_page(start())
    run_out()
    hers = ada_gets(size=4)
    assert shown(hers) == shown(page)[:4]
    commit(ada, hers, rejected=shown(hers)[:1], unsure=shown(hers)[1:2])
    body = {"rejected": shown(page)[3:6], "key": "late"}
    answer = commit(client, page, **body)
    assert answer["by_others"] == [
        {"image": image, "person": "Ada", "value": value, "class": "owl"}
        for image, value in zip(shown(hers), ["reject", "unsure", "accept", "accept"], strict=True)
    ]
    assert (answer["accepted"], answer["rejected"], answer["unsure"]) == (4, 2, 0)
    assert answer["labels"] == {"accepted": 6, "rejected": 3, "unsure": 1, "open": 0}
    assert labels(client, "reject") == {shown(page)[0], *shown(page)[4:6]}
    assert labels(client, "unsure") == {shown(page)[1]}
    # The same commit again gets the same answer, and an undo takes back only what it stored.
    assert commit(client, page, **body) == answer
    client.delete(f"/api/v1/pages/{page['id']}/commit")
    assert labels(client) == set(shown(page)[2:4])


def test_where_somebody_else_decided_everything_nothing_is_stored(
    client: TestClient, start: Start, get_page: GetPage, run_out: RunOut, ada: TestClient, ada_gets: AdaGets
) -> None:
    review = start()
    page = get_page(review)
    run_out()
    commit(ada, ada_gets(), rejected=shown(page))
    answer = commit(client, page)
    assert (answer["accepted"], len(answer["by_others"])) == (0, 10)
    assert labels(client) == set()
    assert not set(shown(get_page(review))) & set(shown(page))


def test_with_one_class_per_image_an_acceptance_for_another_class_is_told_apart_and_a_rejection_is_not(
    client: TestClient, start: Start, get_page: GetPage, run_out: RunOut, ada: TestClient, ada_gets: AdaGets
) -> None:
    page = get_page(start("owl"))
    run_out()
    hers = ada_gets("lark", size=4)
    commit(ada, hers, rejected=shown(hers)[:1])
    answer = commit(client, page)
    assert [(told["image"], told["class"]) for told in answer["by_others"]] == [
        (image, "lark") for image in shown(page) if image in shown(hers)[1:]
    ]
    assert len(answer["by_others"]) == 3
    assert answer["accepted"] == 7


def test_with_several_classes_per_image_it_is_stored_for_both(
    client: TestClient, settings: Settings, database: Database, get_page: GetPage, ada: TestClient
) -> None:
    pool = seed_pool(
        settings, database, vectors=two_heaps(5, 5), name="tags", classes=("a", "b"), classes_per_image="several"
    )
    pages = []
    for who, label in ((client, "a"), (ada, "b")):
        body = {"class": label, "query": {"images": [pool.images[0]]}}
        pages.append(get_page(who.post("/api/v1/pools/tags/reviews", json=body).json()))
    commit(ada, pages[1])
    assert commit(client, pages[0])["by_others"] == []


def test_ones_own_verdicts_of_another_review_are_not_told_apart(
    client: TestClient, start: Start, get_page: GetPage, run_out: RunOut
) -> None:
    one = get_page(start())
    run_out()
    commit(client, get_page(start()), rejected=shown(one))
    assert commit(client, one)["by_others"] == []
    assert labels(client) == set(shown(one))


def test_a_second_look_decides_whoever_decided_meanwhile(
    client: TestClient, start: Start, get_page: GetPage, ada: TestClient, pool: SeededPool
) -> None:
    review = start()
    page = get_page(review)
    commit(client, page)
    second = get_page(review, kind="second")
    body = {"images": shown(page)[:2], "verdict": "reject"}
    assert ada.post(f"/api/v1/pools/{pool.name}/classes/owl/verdicts", json=body).status_code == 200
    assert commit(client, second, rejected=[])["by_others"] == []
    assert labels(client) == set(shown(page))


def test_two_late_commits_of_the_same_images_at_once_store_each_image_once(
    client: TestClient, start: Start, get_page: GetPage, run_out: RunOut, ada: TestClient, ada_gets: AdaGets
) -> None:
    page = get_page(start())
    run_out()
    hers = ada_gets()
    run_out()
    assert set(shown(hers)) == set(shown(page))
    with ThreadPoolExecutor(2) as threads:
        mine = threads.submit(commit, client, page)
        other = threads.submit(commit, ada, hers, rejected=shown(hers))
        answers = [mine.result(), other.result()]
    assert sorted(answer["accepted"] + answer["rejected"] for answer in answers) == [0, 10]
    assert sorted(len(answer["by_others"]) for answer in answers) == [0, 10]
    assert len(client.get("/api/v1/pools/birds/labels.csv?rows=verdicts").text.splitlines()) == 1 + 10


def test_the_sample_of_a_lot_is_leased_and_its_rest_is_not(client: TestClient, start: Start, ada_gets: AdaGets) -> None:
    lot = _lot(client, start(), size=100)
    sample = shown(client.get(f"/api/v1/pages/{lot['page']}").json())
    assert len(sample) == 60
    hers = shown(ada_gets(size=100))
    assert len(hers) == 40
    assert not set(hers) & set(sample)


def test_a_lot_leaves_out_what_others_are_looking_at(client: TestClient, start: Start, ada_gets: AdaGets) -> None:
    hers = ada_gets()
    review = start()
    answer = client.post(f"/api/v1/reviews/{review['id']}/lots", json={"size": 91})
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "Only 90 images are left; a lot cannot hold 91.",
    )
    page = client.get(f"/api/v1/pages/{_lot(client, review, size=90)['page']}").json()
    assert not set(shown(page)) & set(shown(hers))


def test_what_others_decided_or_look_at_is_not_accepted_with_the_rest_of_a_lot(
    client: TestClient, start: Start, ada: TestClient, ada_gets: AdaGets
) -> None:
    lot = _lot(client, start(), size=100)
    decided, looked_at = ada_gets(size=5), ada_gets(size=7)
    commit(ada, decided, rejected=shown(decided))
    commit(client, client.get(f"/api/v1/pages/{lot['page']}").json())
    answer = client.post(f"/api/v1/lots/{lot['id']}/commit").json()
    assert (answer["accepted"], answer["skipped"]) == (28, 12)
    assert labels(client, "reject") == set(shown(decided))
    assert not labels(client) & set(shown(looked_at))
    assert commit(ada, looked_at)["by_others"] == []


def test_what_others_decided_of_a_sample_counts_as_they_decided_it(
    client: TestClient, start: Start, run_out: RunOut, ada: TestClient, ada_gets: AdaGets
) -> None:
    lot = _lot(client, start(), size=100)
    sample = client.get(f"/api/v1/pages/{lot['page']}").json()
    run_out()
    hers = ada_gets(size=100)
    commit(ada, hers, rejected=[image for image in shown(hers) if image in shown(sample)[:3]])
    assert len(commit(client, sample)["by_others"]) == 60
    found = client.get(f"/api/v1/lots/{lot['id']}").json()
    assert (found["state"], found["seen"], found["accepted"], found["rejected"]) == ("judged", 60, 57, 3)


def _lot(client: TestClient, review: dict[str, Any], *, size: int) -> dict[str, Any]:
    answer = client.post(f"/api/v1/reviews/{review['id']}/lots", json={"size": size})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
