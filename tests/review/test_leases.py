"""Leases: what one annotator is shown is shown to nobody else until it is decided, let go, or left alone for long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.review import turning
from app.settings import Settings
from tests.conftest import HERE
from tests.review.conftest import commit, shown
from tests.seeded import seed_pool, two_heaps

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]
RunOut = Callable[[], None]

ANNOTATORS = 8


def lease(client: TestClient, page: dict[str, Any]) -> float | None:
    """Tell that a page is worked on; return the seconds for which it is leased then."""
    answer = client.post(f"/api/v1/pages/{page['id']}/lease")
    assert answer.status_code == 200, answer.text
    seconds: float | None = answer.json()["leased_for"]
    return seconds


def test_what_one_review_shows_no_other_review_of_the_class_shows(start: Start, get_page: GetPage) -> None:
    one, other = get_page(start()), get_page(start())
    assert len(shown(one)) == len(shown(other)) == 10
    assert not set(shown(one)) & set(shown(other))
    assert (one["remaining"], one["leased"]) == (100, 0)
    assert (other["remaining"], other["leased"]) == (90, 10)


def test_with_one_class_per_image_no_other_class_shows_it_either(start: Start, get_page: GetPage) -> None:
    assert not set(shown(get_page(start("owl")))) & set(shown(get_page(start("lark"))))


def test_with_several_classes_per_image_other_classes_show_it(
    client: TestClient, settings: Settings, database: Database, get_page: GetPage
) -> None:
    several = seed_pool(
        settings, database, vectors=two_heaps(5, 5), name="tags", classes=("a", "b"), classes_per_image="several"
    )
    pages = []
    for label in ("a", "b"):
        body = {"class": label, "query": {"images": [several.images[0]]}}
        pages.append(get_page(client.post("/api/v1/pools/tags/reviews", json=body).json()))
    assert set(shown(pages[0])) == set(shown(pages[1])) == set(several.images)


def test_reviews_of_a_merged_class_lease_for_the_class_it_was_merged_into(
    client: TestClient, settings: Settings, database: Database, get_page: GetPage
) -> None:
    several = seed_pool(
        settings, database, vectors=two_heaps(5, 5), name="tags", classes=("a", "b"), classes_per_image="several"
    )
    merged, other = (
        client.post(
            "/api/v1/pools/tags/reviews", json={"class": label, "query": {"images": [several.images[0]]}}
        ).json()
        for label in ("a", "b")
    )
    client.post("/api/v1/pools/tags/classes/a/merge", json={"into": "b"})
    one = get_page(merged, size=4)
    assert set(shown(get_page(other, size=10))) == set(several.images) - set(shown(one))


def test_what_lies_beneath_a_tile_is_leased_with_it(
    client: TestClient, settings: Settings, database: Database, get_page: GetPage
) -> None:
    pool = seed_pool(settings, database, vectors=two_heaps(6, 6), name="bursts", stacks=[[0, 1, 2]])
    body = {"class": "owl", "query": {"images": [pool.images[0]]}}
    one, other = (client.post("/api/v1/pools/bursts/reviews", json=body).json() for _ in range(2))
    tile = get_page(one, size=1)["candidates"][0]
    assert len(tile["beneath"]) == 2
    stack = {tile["image"], *(below["image"] for below in tile["beneath"])}
    assert set(shown(get_page(other, size=12))) == set(pool.images) - stack


def test_what_was_rejected_is_free_for_other_classes_once_it_is_committed(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    page = get_page(start("owl"))
    commit(client, page, rejected=shown(page))
    assert set(shown(page)) <= set(shown(get_page(start("lark"), size=100)))


@pytest.mark.parametrize("wanted", [{"kind": "deeper"}, {"afresh": True}])
def test_a_page_that_is_set_aside_lets_its_images_go_at_once(
    start: Start, get_page: GetPage, wanted: dict[str, Any]
) -> None:
    one, other = start(), start()
    first = get_page(one)
    second = get_page(one, **wanted)
    free = set(shown(first)) - set(shown(second))
    assert free <= set(shown(get_page(other, size=90)))


def test_a_lease_that_ran_out_lets_its_images_go(start: Start, get_page: GetPage, run_out: RunOut) -> None:
    first = get_page(start())
    run_out()
    assert set(shown(get_page(start()))) == set(shown(first))


def test_a_lease_lasts_as_long_as_is_set(client: TestClient, settings: Settings, start: Start) -> None:
    review = start()
    url = f"/api/v1/reviews/{review['id']}/pages"
    assert 590 < client.post(url).json()["leased_for"] <= 600
    shorter = Settings(**{**settings.model_dump(), "lease_minutes": 2})
    with TestClient(create_app(shorter), base_url="http://localhost", client=HERE) as other:
        page = other.post(url, json={"afresh": True}).json()
        assert 110 < page["leased_for"] <= 120


@pytest.mark.parametrize("act", ["lease", "ahead"])
def test_a_page_that_is_worked_on_keeps_its_images(
    client: TestClient, start: Start, get_page: GetPage, run_out: RunOut, act: str
) -> None:
    page = get_page(start())
    run_out()
    assert client.get(f"/api/v1/pages/{page['id']}").json()["leased_for"] is None
    assert client.post(f"/api/v1/pages/{page['id']}/{act}", json={}).status_code == 200
    assert client.get(f"/api/v1/pages/{page['id']}").json()["leased_for"] > 590
    assert not set(shown(page)) & set(shown(get_page(start())))


def test_a_committed_page_and_one_that_was_set_aside_lease_nothing(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    review = start()
    first = get_page(review)
    commit(client, first)
    second = get_page(review)
    get_page(review, afresh=True)
    assert [lease(client, page) for page in (first, second)] == [None, None]


def test_whoever_comes_back_late_goes_on_with_the_page_if_nobody_took_of_it(
    start: Start, get_page: GetPage, run_out: RunOut
) -> None:
    review = start()
    page = get_page(review)
    run_out()
    again = get_page(review)
    assert (again["id"], shown(again)) == (page["id"], shown(page))
    assert again["leased_for"] > 590
    assert not set(shown(page)) & set(shown(get_page(start())))


def test_whoever_comes_back_late_gets_another_page_if_somebody_took_of_it(
    start: Start, get_page: GetPage, run_out: RunOut
) -> None:
    late, other = start(), start()
    before = get_page(late)
    run_out()
    taken = get_page(other, size=5)
    again = get_page(late)
    assert again["id"] != before["id"]
    assert len(shown(again)) == 10
    assert not set(shown(again)) & set(shown(taken))


def test_an_undone_page_leases_its_images_again(client: TestClient, start: Start, get_page: GetPage) -> None:
    review = start()
    page = get_page(review)
    commit(client, page)
    reopened = client.delete(f"/api/v1/pages/{page['id']}/commit").json()["page"]
    assert reopened["leased_for"] > 590
    assert not set(shown(page)) & set(shown(get_page(start())))


def test_planted_images_are_not_leased(
    client: TestClient, start: Start, get_page: GetPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "to_plant", lambda rejected, *_args, **_more: rejected[:1])
    review = start("owl")
    first = get_page(review)
    commit(client, first, rejected=shown(first))
    planted = set(shown(get_page(review, plant=True))) & set(shown(first))
    assert planted
    assert planted <= set(shown(get_page(start("lark"), size=100)))


def test_a_second_look_leases_nothing(client: TestClient, start: Start, get_page: GetPage) -> None:
    review = start()
    page = get_page(review)
    commit(client, page, rejected=shown(page))
    second = get_page(review, kind="second", of="reject")
    assert set(shown(second)) == set(shown(page))
    assert (second["leased_for"], lease(client, second)) == (None, None)
    assert set(shown(page)) <= set(shown(get_page(start("lark"), size=100)))


def test_where_all_that_is_left_is_leased_a_sentence_says_so(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    one, other = start(), start()
    page = get_page(one, size=100)
    sentence = "What is left is being looked at by others just now: 100 pictures; try again in a minute."
    nothing = get_page(other)
    assert (nothing["id"], nothing["message"]) == (None, sentence)
    assert (nothing["remaining"], nothing["leased"]) == (0, 100)
    outlook = client.get(f"/api/v1/reviews/{other['id']}/outlook").json()
    assert (outlook["remaining"], outlook["leased"], outlook["sentence"]) == (0, 100, sentence)
    commit(client, page)
    assert get_page(other)["message"].startswith("Every image of this pool has been decided")


def test_looking_ahead_leaves_out_what_others_have_leased(client: TestClient, start: Start, get_page: GetPage) -> None:
    one, other = start(), start()
    page = get_page(one)
    taken = shown(get_page(other))
    ahead = client.post(f"/api/v1/pages/{page['id']}/ahead", json={}).json()["images"]
    assert not set(taken) & set(ahead)
    commit(client, page)
    assert shown(get_page(one)) == ahead


def test_an_unknown_page_cannot_be_kept(client: TestClient) -> None:
    assert client.post("/api/v1/pages/999/lease").status_code == 404


@pytest.mark.parametrize(
    ("classes", "spare", "foreseen"),
    [
        (("owl",), turning.SPARE, True),
        (("owl",), 0, False),
        (("owl", "lark", "wren"), turning.SPARE, True),
        (("owl", "lark", "wren"), 0, False),
    ],
    ids=["one class, foreseen", "one class", "classes, foreseen", "classes"],
)
def test_of_many_who_turn_pages_at_once_no_two_are_shown_the_same_image(
    client: TestClient,
    settings: Settings,
    database: Database,
    get_page: GetPage,
    monkeypatch: pytest.MonkeyPatch,
    classes: tuple[str, ...],
    spare: int,
    foreseen: bool,
) -> None:
    # Without spare tiles a page has to be ranked again where others took its images.
    monkeypatch.setattr(turning, "SPARE", spare)
    pool = seed_pool(settings, database, vectors=two_heaps(300, 500), name="crowd", classes=classes)
    together = Barrier(ANNOTATORS)

    def annotate(number: int) -> list[str]:
        body = {"class": classes[number % len(classes)], "query": {"images": [pool.images[0]]}}
        review = client.post("/api/v1/pools/crowd/reviews", json=body).json()
        seen: list[str] = []
        along: dict[str, Any] | None = None
        for _ in range(3):
            together.wait()
            page = along or get_page(review, size=25)
            assert len(shown(page)) == 25
            seen += shown(page)
            # All accepted: what is accepted is shown for no class any more.
            if foreseen:
                # All foresee much the same page.
                assert client.post(f"/api/v1/pages/{page['id']}/ahead", json={}).status_code == 200
                together.wait()
                along = commit(client, page, next={"size": 25, "plant": False})["next"]
            else:
                commit(client, page)
        return seen

    with ThreadPoolExecutor(ANNOTATORS) as threads:
        seen = Counter(image for images in threads.map(annotate, range(ANNOTATORS)) for image in images)
    assert len(seen) == ANNOTATORS * 3 * 25
    assert set(seen.values()) == {1}
    lines = client.get("/api/v1/pools/crowd/labels.csv").text.splitlines()
    assert {line.split(",")[0] for line in lines[1:]} == set(seen)


def test_two_windows_of_one_review_that_turn_at_once_get_the_same_page(start: Start, get_page: GetPage) -> None:
    review = start()
    with ThreadPoolExecutor(ANNOTATORS) as threads:
        pages = list(threads.map(lambda _: get_page(review), range(ANNOTATORS)))
    assert len({page["id"] for page in pages}) == 1
