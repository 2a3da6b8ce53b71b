"""How pages look and fit: light and dark, large and small, with the cursor and the large view in sight."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.annotator import commit, open_review, paths, verdicts, wait_until_open
from tests.browser.conftest import NewPage
from tests.browser.server import Server
from tests.browser.watched import Watch


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_a_page_is_seen_whole_without_scrolling(server: Server, new_page: NewPage, phone: bool) -> None:
    page = new_page(server, phone=phone)
    open_review(page, pool="digits", class_name="one", path="1/")
    beyond = "grid => [grid.scrollHeight - grid.clientHeight, grid.scrollWidth - grid.clientWidth]"
    assert page.locator(".grid").evaluate(beyond) == [0, 0]


def test_no_page_is_wider_than_a_phone(server: Server, new_page: NewPage) -> None:
    page = new_page(server, phone=True)
    open_review(page, pool="digits", class_name="one", path="1/")
    for address in ("/", "/pools/digits", page.url, "/pools/digits/classes/one", "/pools/digits/files"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, address


@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_a_long_class_name_hides_nothing_beside_it(server: Server, new_page: NewPage, phone: bool) -> None:
    page = new_page(server, phone=phone)
    page.goto("/pools/digits")
    for name in ("seven", "a class that somebody named at length and without any hurry, " + "m" * 38):
        page.locator("#new-class").fill(name)
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("radio", name=name)).to_be_checked()
    right = page.locator(".pool-side").evaluate("side => side.getBoundingClientRect().right")
    for beside in (".class-line__counts", ".new-class .button"):
        for box in page.locator(beside).evaluate_all("found => found.map(one => one.getBoundingClientRect().right)"):
            assert box <= right, beside


def test_on_a_phone_the_bar_over_a_class_is_two_lines_and_its_foot_fits(server: Server, new_page: NewPage) -> None:
    page = new_page(server, phone=True)
    open_review(page, pool="digits", class_name="a telling name", path="1/")
    expect(page.get_by_role("heading", level=1)).to_have_text("a telling name")
    page.goto("/pools/digits/classes/a%20telling%20name")
    lines = page.locator(".bar--top > *").evaluate_all(
        "parts => new Set(parts.map(part => part.getBoundingClientRect()).filter(box => box.height)"
        ".map(box => Math.round((box.top + box.bottom) / 2))).size"
    )
    assert lines == 2
    foot = page.locator(".bar--bottom .mode").evaluate_all(
        "modes => modes.map(mode => mode.getBoundingClientRect().right)"
    )
    assert max(foot) <= 390 - 8
    # Its pictures tell there too why they have their labels.
    expect(page.get_by_role("button", name="Why")).to_be_in_viewport(ratio=1)


def test_on_a_phone_too_it_is_seen_that_a_class_has_to_be_chosen(server: Server, new_page: NewPage) -> None:
    page = new_page(server, phone=True)
    for number in range(16):
        assert page.request.post("/api/v1/pools/digits/classes", data={"name": f"class {number:02}"}).ok
    page.goto("/pools/digits")
    page.locator(".grid .tile").nth(20).click()
    expect(page.get_by_role("radio", name="class 00")).to_be_focused()
    expect(page.get_by_text("Choose a class first.")).to_be_in_viewport()


def test_a_second_review_that_is_refused_moves_nothing_and_goes_with_the_next_key(page: Page, watch: Watch) -> None:
    assert page.request.post("/api/v1/pools/digits/classes", data={"name": "one"}).ok
    page.goto("/pools/digits/classes/one")
    bar = page.locator(".bar--top")
    before = bar.bounding_box()
    watch.refusals = 1
    page.get_by_role("button", name="Second review").click()
    refused = page.get_by_text("Nobody else has accepted anything")
    expect(refused).to_be_visible()
    assert bar.bounding_box() == before
    page.keyboard.press("ArrowRight")
    expect(refused).to_be_hidden()


def test_dark_is_dark_and_light_is_light(server: Server, new_page: NewPage) -> None:
    brightness = {}
    for dark in (False, True):
        page = new_page(server, dark=dark)
        page.goto("/")
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[dark] = sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
    assert brightness[True] < 40
    assert brightness[False] > 220


def test_the_tile_size_is_chosen_by_key_and_remembered(page: Page) -> None:
    open_review(page, pool="digits", class_name="one", path="1/")
    before, shown = _tile_width(page), len(paths(page))
    page.keyboard.press("+")
    assert _tile_width(page) > before
    larger = _tile_width(page)
    page.reload()
    wait_until_open(page)
    assert _tile_width(page) == larger
    commit(page)
    assert len(paths(page)) < shown
    page.keyboard.press("-")
    assert _tile_width(page) == before


def test_holding_l_shows_the_large_view_which_follows_the_cursor(page: Page) -> None:
    open_review(page, pool="digits", class_name="one", path="1/")
    view = page.locator(".large-view")
    page.keyboard.down("l")
    expect(view).to_contain_text(paths(page)[0])
    page.keyboard.press("ArrowRight")
    expect(view).to_contain_text(paths(page)[1])
    page.keyboard.up("l")
    expect(view).to_be_hidden()


def test_question_mark_opens_the_keys_and_escape_closes_them(page: Page) -> None:
    open_review(page, pool="digits", class_name="one", path="1/")
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keys and gestures")
    expect(help_).to_be_visible()
    page.keyboard.press("x")
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()
    assert set(verdicts(page)) == {"accept"}
    page.keyboard.press("x")
    assert verdicts(page)[0] == "reject"


def test_unsure_and_rejected_are_told_apart_without_colour(page: Page) -> None:
    open_review(page, pool="digits", class_name="one", path="1/")
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("u")
    signs = page.evaluate(
        "[...document.querySelectorAll('.tile')].slice(0, 3).map(tile => getComputedStyle(tile, '::after').content)"
    )
    assert signs == ['"✕"', '"?"', "none"]
    first, second = page.locator(".tile").nth(0), page.locator(".tile").nth(1)
    expect(first).to_have_attribute("aria-label", re.compile("rejected$"))
    expect(second).to_have_attribute("aria-label", re.compile("unsure$"))
    expect(page.locator(".bar__commit")).to_contain_text(str(len(paths(page)) - 2))


def _tile_width(page: Page) -> float:
    return float(page.locator(".tile").first.evaluate("tile => tile.offsetWidth"))
