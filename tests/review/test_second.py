"""Second reviews: somebody else looks at what was accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from tests.conftest import one_database
from tests.people import working
from tests.review.conftest import commit, labels, shown
from tests.seeded import SeededPool

pytestmark = one_database

REVIEWS = "/api/v1/pools/birds/reviews"
VERDICTS = "/api/v1/pools/birds/classes/owl/verdicts"
GetPage = Callable[..., dict[str, Any]]


@pytest.fixture
def accepted(client: TestClient, database: Database, pool: SeededPool) -> list[str]:
    """What Ann accepted: twenty owls, and two others that she overlooked."""
    images = pool.images[:20] + pool.images[-2:]
    with working(client, database, "ann"):
        client.post(VERDICTS, json={"images": images, "verdict": "accept"})
    return images


def second(client: TestClient, label: str = "owl") -> dict[str, Any]:
    answer = client.post(REVIEWS, json={"class": label, "kind": "second"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_it_shows_what_others_accepted_the_most_doubtful_first(
    client: TestClient, database: Database, accepted: list[str], get_page: GetPage
) -> None:
    with working(client, database, "ben"):
        review = second(client)
        page = get_page(review)
    assert review["kind"] == "second"
    assert set(shown(page)) <= set(accepted)
    assert set(shown(page)[:2]) == set(accepted[-2:])
    assert page["remaining"] == 22


def test_its_pages_store_the_verdicts_of_whoever_looks_until_nothing_is_left(
    client: TestClient, database: Database, accepted: list[str], get_page: GetPage
) -> None:
    with working(client, database, "ben"):
        review = second(client)
        first = get_page(review)
        ahead = client.post(f"/api/v1/pages/{first['id']}/ahead", json={"rejected": shown(first)[:2]}).json()["images"]
        commit(client, first, rejected=shown(first)[:2])
        following = get_page(review, size=20)
        assert len(ahead) == 10
        assert set(ahead) < set(shown(following))
        commit(client, following)
        last = get_page(review)
        assert (last["id"], last["message"]) == (
            None,
            "You have looked at everything that others accepted for this class.",
        )
        again = client.post(REVIEWS, json={"class": "owl", "kind": "second"})
    assert sorted(shown(first) + shown(following)) == sorted(accepted)
    assert labels(client, "reject") == set(accepted[-2:])
    assert again.status_code == 409
    assert again.json()["code"] == "nothing-accepted-by-others"


def test_at_its_end_it_does_not_say_that_others_look_at_the_rest(
    client: TestClient, database: Database, pool: SeededPool, accepted: list[str], get_page: GetPage
) -> None:
    with working(client, database, "ann"):
        body = {"class": "owl", "query": {"images": [pool.images[30]]}}
        get_page(client.post(REVIEWS, json=body).json())
    with working(client, database, "ben"):
        review = second(client)
        commit(client, get_page(review, size=60))
        assert (last := get_page(review))["id"] is None
    assert last["leased"] == 0


def test_an_undone_page_comes_again(
    client: TestClient, database: Database, accepted: list[str], get_page: GetPage
) -> None:
    with working(client, database, "ben"):
        page = get_page(second(client), size=60)
        commit(client, page, rejected=shown(page)[:2])
        undone = client.delete(f"/api/v1/pages/{page['id']}/commit").json()["page"]
    assert undone["marks"]["rejected"] == shown(page)[:2]
    assert labels(client) == set(accepted)


def test_nobody_gets_a_second_look_at_their_own(client: TestClient, database: Database, accepted: list[str]) -> None:
    with working(client, database, "ann"):
        refused = client.post(REVIEWS, json={"class": "owl", "kind": "second"})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing-accepted-by-others")


@pytest.mark.parametrize("rule", [{"rule": "lead"}, {"rule": "majority", "majority_of": 3}])
def test_it_shows_also_what_waits_for_more_verdicts(
    client: TestClient, database: Database, accepted: list[str], get_page: GetPage, rule: dict[str, Any]
) -> None:
    client.put("/api/v1/pools/birds/rule", json=rule)
    with working(client, database, "ben"):
        page = get_page(second(client), size=60)
        commit(client, page, rejected=accepted[-2:])
    assert set(shown(page)) == set(accepted)
    with working(client, database, "cai"):
        assert set(shown(get_page(second(client), size=60))) == set(accepted)


def test_what_its_only_acceptor_has_taken_back_is_not_shown(
    client: TestClient, database: Database, accepted: list[str], get_page: GetPage
) -> None:
    client.put("/api/v1/pools/birds/rule", json={"rule": "majority", "majority_of": 3})
    with working(client, database, "ann"):
        client.post(VERDICTS, json={"images": accepted[-2:], "verdict": "reject"})
    with working(client, database, "ben"):
        assert set(shown(get_page(second(client), size=60))) == set(accepted[:-2])


def test_whoever_goes_on_with_one_from_before_people_logged_in_gets_what_they_have_not_judged(
    client: TestClient, database: Database, accepted: list[str], get_page: GetPage
) -> None:
    review = second(client)
    with working(client, database, "cai"):
        first = get_page(review)
        commit(client, first)
        following = get_page(review, size=20)
        commit(client, following)
        assert get_page(review)["id"] is None
    assert sorted(shown(first) + shown(following)) == sorted(accepted)
    with working(client, database, "ann"):
        assert get_page(review)["id"] is None
    with working(client, database, "ben"):
        assert set(shown(get_page(review, size=60))) == set(accepted)


def test_it_can_be_moved_by_a_key_as_any_review(client: TestClient, database: Database, accepted: list[str]) -> None:
    with working(client, database, "ben"):
        page = client.get(f"/reviews/{second(client)['id']}", headers={"accept": "text/html"}).text
    assert '"v": "moveOver"' in page
    assert "move the review to the index version that is served now" in page


@pytest.mark.parametrize("wanted", [{"kind": "deeper"}, {"kind": "like", "like": "0" * 64}])
def test_it_looks_nowhere_else(
    client: TestClient, database: Database, accepted: list[str], wanted: dict[str, str]
) -> None:
    with working(client, database, "ben"):
        review = second(client)
        pages = client.post(f"/api/v1/reviews/{review['id']}/pages", json=wanted)
        lot = client.post(f"/api/v1/reviews/{review['id']}/lots", json={"size": 5})
    assert (pages.status_code, pages.json()["code"]) == (409, "second-review")
    assert (lot.status_code, lot.json()["code"]) == (409, "second-review")


@pytest.mark.parametrize(
    "body",
    [
        {"class": "owl"},
        {"class": "owl", "kind": "second", "query": {"labelled": True}},
        {"class": "owl", "kind": "third"},
    ],
)
def test_what_is_neither_a_first_nor_a_second_review_is_refused(
    client: TestClient, pool: SeededPool, body: dict[str, Any]
) -> None:
    assert client.post(REVIEWS, json={"class": "owl", **body}).status_code == 422
