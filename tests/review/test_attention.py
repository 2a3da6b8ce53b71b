"""Planted negatives, second looks, pages like one image."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.review.catching import Caught, second_look_is_due
from app.review.planting import to_plant
from app.settings import Settings
from tests.conftest import HERE, one_database
from tests.review.conftest import OWLS, commit, labels, shown
from tests.seeded import SeededPool

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"planted_per_page": 2.0})


def reject_some(client: TestClient, pool: SeededPool, count: int) -> list[str]:
    images = pool.images[-count:]
    answer = client.post(
        f"/api/v1/pools/{pool.name}/classes/owl/verdicts", json={"images": images, "verdict": "reject"}
    )
    assert answer.status_code == 200
    return images


def test_planted_ones_are_known_negatives_and_leave_no_verdict(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    known = reject_some(client, pool, 20)
    page = get_page(start(), plant=True)
    planted = [image for image in shown(page) if image in known]
    assert len(planted) == 2
    assert len(shown(page)) == 10
    assert "planted" not in page["candidates"][0]
    caught, missed = planted
    answer = commit(client, page, rejected=[caught])
    assert (answer["accepted"], answer["rejected"]) == (8, 0)
    assert (answer["planted"], answer["missed"]) == (2, [missed])
    assert answer["labels"] == {"accepted": 8, "rejected": 20, "unsure": 0, "open": 0}
    assert missed in labels(client, "reject")
    assert answer["purity"] == [1.0]


def test_nothing_is_planted_when_that_is_switched_off_or_little_was_rejected(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    known = reject_some(client, pool, 9)
    review = start()
    assert not set(shown(get_page(review, size=20, plant=True))) & set(known)
    known = reject_some(client, pool, 20)
    assert not set(shown(get_page(start(), size=20, plant=False))) & set(known)
    for kind in ("deeper", "second"):
        assert not set(shown(get_page(review, size=20, plant=True, kind=kind))) & set(known)


def test_a_rate_of_nothing_plants_nothing(settings: Settings, pool: SeededPool, start: Start) -> None:
    with TestClient(
        create_app(settings.model_copy(update={"planted_per_page": 0.0})), base_url="http://localhost", client=HERE
    ) as client:
        known = reject_some(client, pool, 20)
        review = start()
        page = client.post(f"/api/v1/reviews/{review['id']}/pages", json={"size": 60}).json()
        assert not set(shown(page)) & set(known)


def test_the_rate_is_kept_on_average_and_likelier_ones_are_planted() -> None:
    rejected, scores = np.arange(40), np.linspace(0, 1, 40, dtype=np.float32)
    random = Random(1)
    drawn = [to_plant(rejected, scores, rate=0.5, random=random) for _ in range(2_000)]
    assert 0.45 < sum(map(len, drawn)) / 2_000 < 0.55
    assert {row for rows in drawn for row in rows} == set(range(20, 40))


def test_what_was_overlooked_is_estimated_from_what_was_caught() -> None:
    assert Caught(0, 0).overlooked(rejected=90) == pytest.approx(10)
    assert Caught(100, 52).overlooked(rejected=70) == pytest.approx(50)
    assert Caught(1_000, 1_000).overlooked(rejected=100) < 0.3
    assert second_look_is_due(overlooked=10, accepted=300)
    assert not second_look_is_due(overlooked=10, accepted=3_000)
    assert not second_look_is_due(overlooked=4, accepted=20)


def test_a_second_look_shows_the_most_doubtful_accepted_ones_and_can_reject_them(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    review = start()
    first = get_page(review, size=40)
    commit(client, first)  # ten of them are no owls
    second = get_page(review, size=15, kind="second")
    assert second["kind"] == "second"
    assert second["marks"] == {"rejected": [], "unsure": [], "opened": []}
    wrong = [image for image in shown(second) if image in pool.images[OWLS:]]
    assert len(wrong) == 10
    scores = [candidate["score"] for candidate in second["candidates"]]
    assert scores != sorted(scores)
    answer = commit(client, second, rejected=wrong)
    assert answer["labels"] == {"accepted": 30, "rejected": 10, "unsure": 0, "open": 0}
    rest = get_page(review, size=60, kind="second")
    assert not set(shown(rest)) & set(shown(second))
    commit(client, rest)
    done = get_page(review, kind="second")
    assert (done["id"], done["message"]) == (None, "Everything that this review accepted has been looked at once more.")


def test_what_was_rejected_or_unsure_comes_back_when_asked_for_as_it_was_marked(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    review = start()
    first = get_page(review, size=10)
    rejected, unsure = shown(first)[:2], shown(first)[2:5]
    commit(client, first, rejected=rejected, unsure=unsure)
    again = get_page(review, kind="second", of="unsure")
    assert set(shown(again)) == set(again["marks"]["unsure"]) == set(unsure)
    commit(client, again, rejected=unsure[:1], unsure=unsure[1:2])
    assert unsure[2] in labels(client)
    won_back = get_page(review, kind="second", of="reject")
    assert set(shown(won_back)) == set(won_back["marks"]["rejected"]) == {*rejected}
    commit(client, won_back)
    assert labels(client, "reject") == {unsure[0]}


def test_more_like_this_shows_what_is_near_one_image(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    review = start()
    other = pool.images[OWLS + 3]
    get_page(review)
    like = get_page(review, kind="like", like=other)
    assert like["kind"] == "like"
    assert set(shown(like)) <= set(pool.images[OWLS:])
    commit(client, like, rejected=shown(like))
    assert get_page(review)["kind"] == "next"


def test_like_needs_an_image_of_this_pool(client: TestClient, start: Start) -> None:
    url = f"/api/v1/reviews/{start()['id']}/pages"
    assert client.post(url, json={"kind": "like"}).json()["code"] == "like-what"
    assert client.post(url, json={"kind": "like", "like": "f" * 64}).status_code == 422


def test_an_undo_brings_planted_ones_back_as_they_were_marked_and_does_not_change_what_was_caught(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage
) -> None:
    known = reject_some(client, pool, 20)
    review = start()
    page = get_page(review, plant=True)
    caught, missed = (image for image in shown(page) if image in known)
    commit(client, page, rejected=[caught])
    reopened = client.delete(f"/api/v1/pages/{page['id']}/commit").json()["page"]
    assert reopened["marks"]["rejected"] == [caught]
    # Now that it was told, it is easily caught.
    assert commit(client, page, rejected=[caught, missed])["missed"] == []
    attention = client.get(f"/api/v1/reviews/{review['id']}/outlook").json()["attention"]
    assert (attention["planted"], attention["caught"]) == (2, 1)
