"""Undo, and the browser's own Back and Forward."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.browser.annotator import begin_review, commit, exported, open_review, paths, wait_until_open
from tests.browser.server import Server
from tests.browser.watched import Watch


def test_an_undo_whose_answer_was_lost_is_carried_out_once_and_shows_its_page_again(
    server: Server, page: Page, watch: Watch
) -> None:
    watch.connection_fails = True
    watch.refusals = 1  # the second attempt finds nothing left to undo
    attempts: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        if route.request.method != "DELETE":
            route.continue_()
            return
        attempts.append(route.request.url)
        if len(attempts) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/commit", lose_the_first_answer)
    first = _begin(page)
    commit(page)
    page.keyboard.press("z")
    expect(page.get_by_role("alert").filter(has_text="not undone yet")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Undone")
    assert paths(page) == first
    assert len(attempts) == 2
    assert exported(server, pool="digits", class_name="five") == []
    expect(page.get_by_role("alert").filter(has_text="not undone yet")).to_be_hidden()


def test_undo_in_quick_succession_takes_back_one_page_each(server: Server, page: Page) -> None:
    first = _begin(page)
    for _ in range(3):
        commit(page)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    for _ in range(3):
        page.keyboard.press("z")
    page.wait_for_function("path => document.querySelector('.grid .tile')?.dataset.path === path", arg=first[0])
    assert exported(server, pool="digits", class_name="five") == []
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_back_and_forward_show_the_numbers_of_now(page: Page) -> None:
    begin_review(page, pool="digits", class_name="five", path="5/")
    first = paths(page)
    commit(page)
    page.go_back()
    expect(page.get_by_role("link", name="five").filter(has_text="1 page")).to_be_visible()
    page.go_forward()
    wait_until_open(page)
    expect(page.locator(".tally__accepted b")).to_have_text(str(len(first)))
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    assert not set(paths(page)) & set(first)


def _begin(page: Page) -> list[str]:
    open_review(page, pool="digits", class_name="five", path="5/")
    return paths(page)
