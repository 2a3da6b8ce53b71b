"""The page of a class: all its images, and verdicts changed there."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.annotator import exported, paths, start_review, store_page, verdicts
from tests.browser.server import Server


def test_a_verdict_changed_by_key_is_stored_at_once_and_undone_by_key(server: Server, page: Page) -> None:
    accepted = _accept_a_page(page)
    page.goto("/pools/digits/classes/nine")
    page.wait_for_selector(".tile[data-cursor]")
    assert sorted(paths(page)) == accepted
    changed = paths(page)[1]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.get_by_role("status")).to_have_text("1 rejected")
    assert sorted([*exported(server, pool="digits", class_name="nine"), changed]) == accepted
    page.keyboard.press("z")
    expect(page.get_by_role("status")).to_have_text("Undone")
    assert sorted(exported(server, pool="digits", class_name="nine")) == accepted
    assert set(verdicts(page)) == {"accept"}


def test_the_mouse_changes_single_verdicts_and_strokes_of_them(server: Server, page: Page) -> None:
    accepted = _accept_a_page(page)
    page.goto("/pools/digits/classes/nine")
    page.locator(".tile").nth(2).click()
    expect(page.get_by_role("status")).to_have_text("1 rejected")
    start, end = (page.locator(".tile").nth(number).bounding_box() for number in (4, 6))
    assert start is not None
    assert end is not None
    page.locator(".mode", has_text="unsure").click()
    page.mouse.move(start["x"] + 20, start["y"] + 20)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + 20, steps=6)
    page.mouse.up()
    expect(page.get_by_role("status")).to_have_text("3 unsure")
    assert len(exported(server, pool="digits", class_name="nine")) == len(accepted) - 4
    page.get_by_role("link", name=re.compile("unsure")).click()
    expect(page.locator(".tile")).to_have_count(3)


def test_the_question_mark_explains_the_keys_of_the_page(page: Page) -> None:
    _accept_a_page(page)
    page.goto("/pools/digits/classes/nine")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys and gestures")).to_contain_text("Every change is stored at once.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_what_was_rejected_can_be_accepted_on_its_own_tab(server: Server, page: Page) -> None:
    rejected = store_page(page, start_review(page, pool="digits", class_name="nine", path="9/"), rejected=1)[0]
    page.goto("/pools/digits/classes/nine?verdict=reject")
    expect(page.locator(".tile")).to_have_count(1)
    page.keyboard.press("a")
    expect(page.get_by_role("status")).to_have_text("1 accepted")
    assert rejected in exported(server, pool="digits", class_name="nine")


def _accept_a_page(page: Page) -> list[str]:
    return sorted(store_page(page, start_review(page, pool="digits", class_name="nine", path="9/")))
