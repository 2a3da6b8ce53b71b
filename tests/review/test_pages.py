"""Pages: what is shown, what never comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

from app.db import Database
from app.settings import Settings
from tests.conftest import both_databases, one_database
from tests.review.conftest import OWLS, commit, shown
from tests.seeded import SeededPool, seed_pool, two_heaps

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]


def test_the_first_page_holds_the_nearest_neighbours_of_the_query(
    pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    page = get_page(start())
    assert shown(page)[0] == pool.images[0]
    assert set(shown(page)) <= set(pool.images[:OWLS])
    scores = [candidate["score"] for candidate in page["candidates"]]
    assert scores == sorted(scores, reverse=True)


@both_databases
def test_while_a_page_is_open_it_is_answered_again(start: Start, get_page: GetPage) -> None:
    review = start()
    first = get_page(review, size=10)
    again = get_page(review, size=50)
    assert (again["id"], shown(again)) == (first["id"], shown(first))


def test_labelled_and_rejected_images_do_not_come_back_for_the_class(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    review = start()
    seen: list[str] = []
    for _ in range(4):
        page = get_page(review, size=20)
        seen += shown(page)
        client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": shown(page)[::2]})
    other_review = start()
    seen += shown(get_page(other_review, size=20))
    assert len(seen) == len(set(seen)) == 100


def test_unsure_images_do_not_come_back_by_themselves_for_the_class(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    review = start()
    page = get_page(review)
    doubted = shown(page)[3]
    commit(client, page, unsure=[doubted])
    assert doubted not in shown(get_page(review, size=100))
    assert doubted not in shown(get_page(start(), size=100))
    assert doubted in shown(get_page(start("lark"), size=100))


def test_with_one_class_per_image_what_carries_another_label_is_not_shown(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    page = get_page(start("owl"))
    rejected, *accepted = shown(page)
    client.post(f"/api/v1/pages/{page['id']}/commit", json={"rejected": [rejected]})
    larks = shown(get_page(start("lark"), size=100))
    assert rejected in larks
    assert not set(accepted) & set(larks)


def test_with_several_classes_per_image_it_is_shown(
    client: TestClient, settings: Settings, database: Database, get_page: GetPage
) -> None:
    several = seed_pool(
        settings, database, vectors=two_heaps(5, 5), name="tags", classes=("a", "b"), classes_per_image="several"
    )
    for label in ("a", "b"):
        body = {"class": label, "query": {"images": [several.images[0]]}}
        page = get_page(client.post("/api/v1/pools/tags/reviews", json=body).json(), size=10)
        assert set(shown(page)) == set(several.images)
        client.post(f"/api/v1/pages/{page['id']}/commit", json={})
    assert len(client.get("/api/v1/pools/tags/labels.csv").text.splitlines()) == 1 + 20


def test_when_everything_is_decided_a_sentence_says_so(client: TestClient, start: Start, get_page: GetPage) -> None:
    review = start()
    page = get_page(review, size=100)
    client.post(f"/api/v1/pages/{page['id']}/commit", json={})
    nothing = get_page(review)
    assert nothing["id"] is None
    assert nothing["candidates"] == []
    assert nothing["message"] == "Every image of this pool has been decided for this class or labelled as another one."


def test_rejects_make_the_next_page_better(
    client: TestClient, settings: Settings, database: Database, get_page: GetPage
) -> None:
    # The query lies between the heaps, so that the first page is mixed.
    vectors = two_heaps(60, 60)
    vectors[0] = (vectors[1] + vectors[61]) / (vectors[1] + vectors[61]).dot(vectors[1] + vectors[61]) ** 0.5
    mixed = seed_pool(settings, database, vectors=vectors, name="mixed")
    owls = set(mixed.images[:60])
    body = {"class": "owl", "query": {"images": [mixed.images[0]]}}
    review = client.post("/api/v1/pools/mixed/reviews", json=body).json()
    first = get_page(review, size=12)
    wrong = [image for image in shown(first) if image not in owls]
    assert wrong
    client.post(f"/api/v1/pages/{first['id']}/commit", json={"rejected": wrong})
    assert set(shown(get_page(review, size=12))) <= owls


def test_a_page_says_how_much_is_left(start: Start, get_page: GetPage) -> None:
    assert get_page(start(), size=10)["remaining"] == 100


def test_looking_ahead_tells_the_next_page_and_stores_nothing(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    review = start()
    page = get_page(review, size=20)
    marks = {"rejected": shown(page)[::3], "unsure": shown(page)[1:2]}
    ahead = client.post(f"/api/v1/pages/{page['id']}/ahead", json=marks).json()["images"]
    assert client.get("/api/v1/pools/birds/labels.csv?rows=verdicts").text.count("\n") == 1
    client.post(f"/api/v1/pages/{page['id']}/commit", json=marks)
    assert shown(get_page(review, size=20)) == ahead


def test_looking_ahead_depends_on_the_marks(client: TestClient, start: Start, get_page: GetPage) -> None:
    page = get_page(start(), size=20)
    url = f"/api/v1/pages/{page['id']}/ahead"
    all_right = client.post(url, json={}).json()["images"]
    all_wrong = client.post(url, json={"rejected": shown(page)}).json()["images"]
    assert all_right != all_wrong
    assert client.post(url, json={"rejected": ["f" * 64]}).status_code == 422


def test_a_page_of_no_candidates_cannot_be_asked_for(client: TestClient, start: Start) -> None:
    for size in (0, -1, 501, "many"):
        answer = client.post(f"/api/v1/reviews/{start()['id']}/pages", json={"size": size})
        assert answer.status_code == 422


def test_a_page_may_be_asked_for_without_a_body(client: TestClient, start: Start) -> None:
    assert len(client.post(f"/api/v1/reviews/{start()['id']}/pages").json()["candidates"]) == 60


def test_an_unknown_review_or_page_is_404(client: TestClient) -> None:
    for path in ("/api/v1/reviews/999", "/api/v1/pages/999"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json()["detail"].startswith("There is no such")
