"""The main job with the keyboard alone: from one picture to a CSV of labelled ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.annotator import (
    begin_review,
    commit,
    exported,
    open_review,
    paths,
    strike_out,
    verdicts,
    wait_until_open,
)
from tests.browser.conftest import NewPage
from tests.browser.server import Server
from tests.browser.watched import Watch

MOST_PAGES = 40


@pytest.mark.parametrize(
    ("ready", "pool", "keep", "wanted"),
    [("digits", "digits", "3/", 120), ("photographs", "photographs", "parachute/", 120)],
    ids=["digits", "photographs"],
)
def test_the_keyboard_alone_leads_from_one_picture_to_a_csv_of_exactly_what_was_accepted(
    request: pytest.FixtureRequest,
    serve: Callable[[Path], Server],
    new_page: NewPage,
    watch: Watch,
    ready: str,
    pool: str,
    keep: str,
    wanted: int,
) -> None:
    server = serve(request.getfixturevalue(ready))
    page = new_page(server)
    begin_review(page, pool=pool, class_name=keep.strip("/"), path=keep)
    accepted: set[str] = set()
    for number in range(1, MOST_PAGES):
        if len(accepted) >= wanted:
            break
        chosen = strike_out(page, keep=keep)
        if number == 2:
            _reload_in_mid_page(page)
        commit(page)
        accepted |= chosen
        if number == 3:
            _undo_and_commit_again(page, chosen)
        if number == 4:
            # Thumbnails that the browser fetches ahead may be on their way just then.
            watch.connection_fails = True
            _restart(server, page)
    assert len(accepted) >= wanted
    rows = exported(server, pool=pool, class_name=keep.strip("/"))
    assert sorted(rows) == sorted(accepted)
    assert all(row.startswith(keep) for row in rows)


def _reload_in_mid_page(page: Page) -> None:
    before = paths(page), verdicts(page)
    page.reload()
    wait_until_open(page)
    assert (paths(page), verdicts(page)) == before


def _undo_and_commit_again(page: Page, chosen: set[str]) -> None:
    following = paths(page)
    page.keyboard.press("z")
    page.wait_for_function(
        "(before) => document.querySelector('.grid .tile').dataset.path !== before"
        " && document.querySelector('main').dataset.state === 'open'",
        arg=following[0],
    )
    restored = {path for path, verdict in zip(paths(page), verdicts(page), strict=True) if verdict == "accept"}
    assert restored == chosen
    commit(page)
    assert paths(page) == following


def _restart(server: Server, page: Page) -> None:
    before = paths(page)
    server.kill()
    server.start()
    page.reload()
    wait_until_open(page)
    assert paths(page) == before


def test_a_review_is_found_again_on_the_pools_page_and_goes_on_where_it_was(server: Server, page: Page) -> None:
    open_review(page, pool="digits", class_name="seven", path="7/")
    strike_out(page, keep="7/")
    commit(page)
    before = paths(page)
    page.goto("/pools/digits")
    page.get_by_role("link", name="seven").filter(has_text="1 page").focus()
    page.keyboard.press("Enter")
    wait_until_open(page)
    assert paths(page) == before
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()


def test_enter_in_quick_succession_commits_no_page_unseen(server: Server, page: Page) -> None:
    open_review(page, pool="digits", class_name="one", path="1/")
    commits: list[str] = []
    page.on("request", lambda request: commits.append(request.url) if request.url.endswith("/commit") else None)
    shown = len(paths(page))
    page.evaluate(
        "for (let count = 0; count < 3; count++)"
        " document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}))"
    )
    page.wait_for_selector("[role=status]:has-text('stored')")
    wait_until_open(page)
    assert len(commits) == 1
    assert len(exported(server, pool="digits", class_name="one")) == shown


def test_keys_typed_into_a_field_mark_nothing(server: Server, page: Page) -> None:
    open_review(page, pool="digits", class_name="two", path="2/")
    page.get_by_role("button", name="Undo").evaluate("button => button.insertAdjacentHTML('afterend', '<input>')")
    page.locator("footer input").press_sequentially("xui")
    page.keyboard.press("Enter")
    assert set(verdicts(page)) == {"accept"}
    assert page.locator("main").get_attribute("data-state") == "open"


def test_the_pictures_of_the_next_page_come_in_one_answer_while_this_one_is_looked_at(
    server: Server, page: Page
) -> None:
    with page.expect_response(lambda answer: answer.url.endswith("/thumbnails")) as foreseen:
        open_review(page, pool="digits", class_name="two", path="2/")
    assert foreseen.value.finished() is None
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    commit(page)
    shown = page.evaluate("[...document.querySelectorAll('.grid .tile')].map((tile) => tile.dataset.image)")
    assert len(shown) > 10
    page.wait_for_function("[...document.querySelectorAll('.grid .tile img')].every((picture) => picture.naturalWidth)")
    assert not [image for image in shown for url in asked if image in url]
