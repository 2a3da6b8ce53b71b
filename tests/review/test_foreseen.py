"""The next page comes with the commit: foreseen by a look ahead where it can be, ranked then where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.review import foreseen, turning
from app.review.foreseen import Foreseen, ForeseenPages
from app.settings import Settings
from tests.conftest import HERE, both_databases, one_database
from tests.people import acting_as, person
from tests.review.conftest import commit, labels, shown
from tests.seeded import SeededPool, serve_new_version, two_heaps

pytestmark = one_database

Start = Callable[..., dict[str, Any]]
GetPage = Callable[..., dict[str, Any]]

WANTED = {"size": 10, "plant": False}


@pytest.fixture
def rankings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each page that is ranked from here on."""
    made: list[int] = []
    order = turning.order

    def noted(*arguments: Any, **options: Any) -> Any:
        made.append(1)
        return order(*arguments, **options)

    monkeypatch.setattr(turning, "order", noted)
    return made


def look_ahead(client: TestClient, page: dict[str, Any], **marks: object) -> list[str]:
    answer = client.post(f"/api/v1/pages/{page['id']}/ahead", json=marks)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["images"])


@both_databases
def test_what_was_foreseen_comes_with_the_commit_and_is_the_open_page(
    client: TestClient, start: Start, get_page: GetPage, rankings: list[int]
) -> None:
    review = start()
    page = get_page(review)
    marks = {"rejected": shown(page)[:3], "unsure": shown(page)[3:4]}
    ahead = look_ahead(client, page, **marks)
    del rankings[:]
    answer = commit(client, page, **marks, next=WANTED)
    following = answer["next"]
    assert rankings == []
    assert (answer["accepted"], answer["rejected"], answer["unsure"]) == (6, 3, 1)
    assert shown(following) == ahead
    assert (following["number"], following["kind"], following["state"]) == (2, "next", "open")
    assert following["remaining"] == 90
    assert following["leased_for"] > 0
    # It is stored as any other page: asked for, it is the one that is open, and nobody else is shown its images.
    assert client.get(f"/api/v1/pages/{following['id']}").json()["candidates"] == following["candidates"]
    assert get_page(review)["id"] == following["id"]
    assert not set(shown(get_page(start(), size=60))) & set(shown(following))


def test_it_is_the_page_that_would_have_been_asked_for(client: TestClient, start: Start, get_page: GetPage) -> None:
    review = start()
    page = get_page(review)
    look_ahead(client, page, rejected=shown(page)[:2])
    along = commit(client, page, rejected=shown(page)[:2], next=WANTED)["next"]
    asked_for = get_page(review, afresh=True)
    assert (shown(asked_for), asked_for["remaining"]) == (shown(along), along["remaining"])


@both_databases
def test_sent_again_a_commit_is_answered_with_the_same_page(
    client: TestClient, start: Start, get_page: GetPage
) -> None:
    page = get_page(start())
    look_ahead(client, page)
    answers = [commit(client, page, key="k", next=WANTED) for _ in range(2)]
    assert answers[0]["commit"] == answers[1]["commit"]
    assert answers[0]["next"]["id"] == answers[1]["next"]["id"]
    # What was answered along with it is no part of what is kept of a commit.
    assert "next" not in client.get(f"/api/v1/pages/{page['id']}").json()
    assert commit(client, page, key="k")["next"] is None


def test_other_marks_than_foreseen_rank_the_page_anew(
    client: TestClient, start: Start, get_page: GetPage, rankings: list[int]
) -> None:
    page = get_page(start())
    ahead = look_ahead(client, page)
    del rankings[:]
    following = commit(client, page, rejected=shown(page), next=WANTED)["next"]
    assert len(rankings) == 1
    assert len(shown(following)) == 10
    assert shown(following) != ahead


def test_without_a_look_ahead_a_page_comes_along_too(client: TestClient, start: Start, get_page: GetPage) -> None:
    page = get_page(start())
    following = commit(client, page, next={"size": 7})["next"]
    assert len(shown(following)) == 7
    assert not set(shown(following)) & set(shown(page))


def test_without_being_asked_for_no_page_is_made(client: TestClient, start: Start, get_page: GetPage) -> None:
    review = start()
    page = get_page(review)
    look_ahead(client, page)
    assert commit(client, page)["next"] is None
    assert len(client.get(f"/api/v1/reviews/{review['id']}").json()["pages"]) == 1


@both_databases
def test_what_others_took_meanwhile_is_left_out(
    client: TestClient, start: Start, get_page: GetPage, rankings: list[int]
) -> None:
    review, other = start(), start()
    page = get_page(review)
    ahead = look_ahead(client, page)
    decided = get_page(other)
    commit(client, decided)
    leased = get_page(other)
    assert set(ahead) <= {*shown(decided), *shown(leased)}
    del rankings[:]
    following = commit(client, page, next=WANTED)["next"]
    assert rankings == []
    assert len(shown(following)) == 10
    assert not set(shown(following)) & {*shown(page), *shown(decided), *shown(leased)}


def test_where_others_took_too_much_the_page_is_ranked_anew(
    client: TestClient, start: Start, get_page: GetPage, rankings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreseen, "SPARE", 0)
    monkeypatch.setattr("app.review.candidates.SHORTLIST", 10)
    review, other = start(), start()
    page = get_page(review)
    look_ahead(client, page)
    taken = get_page(other)
    del rankings[:]
    following = commit(client, page, next=WANTED)["next"]
    assert len(rankings) == 1
    assert len(shown(following)) == 10
    assert not set(shown(following)) & set(shown(taken))


@both_databases
def test_where_others_decided_some_of_its_images_the_page_is_ranked_anew(
    client: TestClient,
    database: Database,
    start: Start,
    get_page: GetPage,
    run_out: Callable[[], None],
    rankings: list[int],
) -> None:
    page = get_page(start())
    look_ahead(client, page)
    run_out()
    with acting_as(client, person(database, "Ada", admin=True)):
        commit(client, get_page(start(), size=4))
    del rankings[:]
    answer = commit(client, page, next=WANTED)
    assert (len(answer["by_others"]), len(rankings)) == (4, 1)
    assert len(shown(answer["next"])) == 10
    assert not set(shown(answer["next"])) & set(shown(page))


def test_what_the_person_judged_meanwhile_in_another_window_is_not_shown_again(
    client: TestClient, start: Start, get_page: GetPage, rankings: list[int]
) -> None:
    assert client.put("/api/v1/pools/birds/rule", json={"rule": "majority", "majority_of": 3}).status_code == 200
    review, other = start(), start()
    page = get_page(review)
    ahead = look_ahead(client, page)
    # Labels they are not yet: others have to say so too.
    judged = get_page(other)
    commit(client, judged)
    assert set(ahead) & set(shown(judged))
    del rankings[:]
    following = commit(client, page, next=WANTED)["next"]
    assert len(rankings) == 1
    assert len(shown(following)) == 10
    assert not set(shown(following)) & {*shown(page), *shown(judged)}


def test_a_page_that_is_open_comes_first(client: TestClient, start: Start, get_page: GetPage) -> None:
    review = start()
    first = get_page(review)
    commit(client, first)
    second = get_page(review)
    look_ahead(client, second)
    # Another window takes the first one back.
    assert client.delete(f"/api/v1/pages/{first['id']}/commit").status_code == 200
    assert commit(client, second, next=WANTED)["next"]["id"] == first["id"]


def test_a_review_that_was_moved_meanwhile_is_ranked_by_its_new_version(
    client: TestClient,
    settings: Settings,
    database: Database,
    pool: SeededPool,
    start: Start,
    get_page: GetPage,
    rankings: list[int],
) -> None:
    review = start()
    page = get_page(review)
    look_ahead(client, page)
    serve_new_version(settings, database, pool, vectors=two_heaps(30, 70))
    assert client.put(f"/api/v1/reviews/{review['id']}/index-version").status_code == 200
    del rankings[:]
    assert len(shown(commit(client, page, next=WANTED)["next"])) == 10
    assert len(rankings) == 1


def test_a_class_that_was_merged_meanwhile_is_ranked_as_the_other_one(
    client: TestClient, pool: SeededPool, start: Start, get_page: GetPage, rankings: list[int]
) -> None:
    page = get_page(start())
    look_ahead(client, page)
    merged = client.post(f"/api/v1/pools/{pool.name}/classes/owl/merge", json={"into": "lark"})
    assert merged.status_code == 200, merged.text
    del rankings[:]
    answer = commit(client, page, next=WANTED)
    assert "counts for that class" in answer["next"]["message"]
    assert len(rankings) == 1


def test_the_last_images_come_along_and_then_the_word_that_none_is_left(
    client: TestClient, start: Start, get_page: GetPage, rankings: list[int]
) -> None:
    page = get_page(start(), size=95)
    look_ahead(client, page)
    del rankings[:]
    last = commit(client, page, next=WANTED)["next"]
    assert (len(shown(last)), rankings) == (5, [])
    look_ahead(client, last)
    none = commit(client, last, next=WANTED)["next"]
    assert none["id"] is None
    assert "decided" in none["message"]


def test_where_no_page_can_be_made_the_commit_is_stored_all_the_same(
    client: TestClient, settings: Settings, start: Start, get_page: GetPage
) -> None:
    page = get_page(start())
    for index in settings.indexes.iterdir():
        (index / "index.faiss").unlink()
    with TestClient(create_app(settings), base_url="http://localhost", client=HERE) as anew:
        answer = commit(anew, page, next=WANTED)
        assert (answer["accepted"], answer["next"]) == (10, None)
        assert len(labels(anew)) == 10


def test_doubtful_ones_first_and_known_negatives_among_them(settings: Settings, pool: SeededPool) -> None:
    planting = settings.model_copy(update={"planted_per_page": 2.0})
    with TestClient(create_app(planting), base_url="http://localhost", client=HERE) as client:
        rejected = pool.images[-20:]
        given = client.post(
            f"/api/v1/pools/{pool.name}/classes/owl/verdicts", json={"images": rejected, "verdict": "reject"}
        )
        assert given.status_code == 200
        body = {"class": "owl", "query": {"images": [pool.images[0]]}}
        review = client.post(f"/api/v1/pools/{pool.name}/reviews", json=body).json()
        page = client.post(f"/api/v1/reviews/{review['id']}/pages", json=WANTED).json()
        ahead = look_ahead(client, page)
        following = commit(client, page, next={"size": 10, "doubtful": "first"})["next"]
        planted = [image for image in shown(following) if image in rejected]
        assert len(planted) == 2
        assert [image for image in shown(following) if image not in planted] == ahead[:8][::-1]
        assert commit(client, following, rejected=planted)["planted"] == 2


def test_what_was_foreseen_is_given_once_to_whom_it_was_foreseen_for_and_not_for_long(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = ForeseenPages(most=2)
    one = Foreseen(1, 1, 1, "marks", [], more=False, planted=[], remaining=0, leased=0)

    def keep(page_id: int, made: Foreseen = one) -> None:
        pages.keep(made, page_id=page_id, person_id=1)

    keep(1)
    assert pages.take(page_id=1, person_id=2, digest="marks") is None
    assert pages.take(page_id=1, person_id=1, digest="marks") is one
    assert pages.take(page_id=1, person_id=1, digest="marks") is None
    keep(1)
    assert pages.take(page_id=1, person_id=1, digest="others") is None
    keep(1, replace(one, since=one.since - foreseen.FRESH_S - 1))
    assert pages.take(page_id=1, person_id=1, digest="marks") is None
    for page_id in (1, 2, 3):
        keep(page_id)
    assert pages.take(page_id=1, person_id=1, digest="marks") is None
    assert pages.take(page_id=3, person_id=1, digest="marks") is one
