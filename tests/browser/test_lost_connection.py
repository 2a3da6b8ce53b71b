"""A lost connection or a restarted server loses no verdict."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Page, Route, expect

from tests.browser.annotator import exported, open_review, paths, verdicts, wait_until_open
from tests.browser.server import Server
from tests.browser.watched import Watch


def test_a_page_committed_without_a_connection_is_stored_when_it_comes_back(
    server: Server, page: Page, watch: Watch
) -> None:
    first = _begin(page)
    watch.connection_fails = True
    _lose_connection(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="not stored yet")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Waiting for the server")
    # While the page is on its way nothing on it can be changed, nor sent twice.
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    assert "reject" not in verdicts(page)
    page.context.set_offline(False)
    expect(page.get_by_role("status")).to_have_text(re.compile("stored"))
    wait_until_open(page)
    assert sorted(exported(server, pool="digits", class_name="five")) == sorted(first)


def test_a_page_committed_while_the_server_was_down_is_stored_after_its_restart(
    server: Server, page: Page, watch: Watch
) -> None:
    first = _begin(page)
    watch.connection_fails = True
    page.keyboard.press("x")
    server.kill()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="not stored yet")).to_be_visible()
    server.start()
    page.get_by_role("button", name="Retry now").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("stored"))
    wait_until_open(page)
    assert sorted(exported(server, pool="digits", class_name="five")) == sorted(first[1:])


def test_a_page_that_was_on_its_way_when_the_browser_was_closed_is_sent_when_the_review_is_opened_again(
    server: Server, page: Page, watch: Watch
) -> None:
    first = _begin(page)
    address = page.url
    watch.connection_fails = True
    _lose_connection(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="not stored yet")).to_be_visible()
    page.goto("about:blank")
    page.context.set_offline(False)
    page.goto(address)
    wait_until_open(page)
    assert sorted(exported(server, pool="digits", class_name="five")) == sorted(first)
    assert not set(paths(page)) & set(first)


def test_an_answer_that_was_lost_does_not_store_the_page_twice(server: Server, page: Page, watch: Watch) -> None:
    watch.connection_fails = True
    answered: list[int] = []

    def lose_the_first_answer(route: Route) -> None:
        answer = route.fetch()
        answered.append(answer.json()["commit"])
        if len(answered) == 1:
            route.abort()
        else:
            route.fulfill(response=answer)

    page.route("**/commit", lose_the_first_answer)
    first = _begin(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(re.compile("stored"))
    wait_until_open(page)
    assert len(answered) == 2
    assert answered[0] == answered[1]
    assert sorted(exported(server, pool="digits", class_name="five")) == sorted(first)


def test_a_page_committed_otherwise_in_another_window_is_told_and_left(
    server: Server, page: Page, watch: Watch
) -> None:
    first = _begin(page)
    watch.refusals = 1
    shown = json.loads(server.get(f"/api/v1{page.url.removeprefix(server.url)}"))["pages"][0]["id"]
    page.evaluate(
        "(url) => fetch(url, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'})",
        f"/api/v1/pages/{shown}/commit",
    )
    page.keyboard.press("x")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Not stored")
    page.get_by_role("button", name="Show the next page").click()
    wait_until_open(page)
    assert not set(paths(page)) & set(first)
    assert sorted(exported(server, pool="digits", class_name="five")) == sorted(first)


def test_a_tab_in_which_nobody_is_logged_in_any_more_stops_asking_who_else_is_at_work(page: Page, watch: Watch) -> None:
    page.clock.install()
    _begin(page)
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=401, json={"detail": "Log in first.", "code": "not-logged-in"})

    page.route("**/at-work*", refuse)
    watch.refusals = 1
    for _ in range(5):
        page.clock.run_for("00:05")
        page.wait_for_timeout(100)
    assert len(asked) == 1


def _begin(page: Page) -> list[str]:
    open_review(page, pool="digits", class_name="five", path="5/")
    return paths(page)


def _lose_connection(page: Page) -> None:
    """Let nothing through any more. The browser says so before it does so, and what was sent meanwhile arrives."""
    page.context.set_offline(True)
    asking = "fetch('/api/v1/health/live', {cache: 'no-store'}).then(() => true, () => false)"
    for _ in range(100):
        if not page.evaluate(asking):
            return
    raise AssertionError("The connection does not break.")
