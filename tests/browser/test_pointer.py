"""Marking with the mouse and with a finger."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.annotator import exported, open_review, paths, verdicts, wait_until_open
from tests.browser.conftest import NewPage
from tests.browser.server import Server

REJECT, ACCEPT, UNSURE = "reject", "accept", "unsure"


def test_a_click_rejects_and_a_second_one_takes_it_back(page: Page) -> None:
    _begin(page)
    tile = page.locator(".tile").nth(7)
    tile.click()
    expect(tile).to_have_attribute("data-verdict", REJECT)
    expect(tile).to_have_attribute("aria-label", re.compile("rejected$"))
    tile.click()
    expect(tile).to_have_attribute("data-verdict", ACCEPT)


def test_dragging_paints_what_the_first_tile_decides(page: Page) -> None:
    _begin(page)
    _drag(page, 2, 6)
    _expect_rejected(page, [2, 3, 4, 5, 6])
    # From a rejected tile on, painting takes back, whatever it meets.
    _drag(page, 5, 8)
    _expect_rejected(page, [2, 3, 4])


def test_a_fast_stroke_leaves_out_no_tile(page: Page) -> None:
    _begin(page)
    start, end = _centre(page.locator(".tile").nth(0)), _centre(page.locator(".tile").nth(8))
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=1)
    page.mouse.up()
    _expect_rejected(page, list(range(9)))


def test_shift_click_marks_a_range_and_again_takes_it_back(page: Page) -> None:
    _begin(page)
    page.locator(".tile").nth(3).click()
    page.locator(".tile").nth(9).click(modifiers=["Shift"])
    _expect_rejected(page, list(range(3, 10)))
    page.locator(".tile").nth(3).click(modifiers=["Shift"])
    _expect_rejected(page, [])


def test_with_unsure_switched_on_a_click_marks_unsure(page: Page) -> None:
    _begin(page)
    page.get_by_role("button", name="Unsure").click()
    page.locator(".tile").nth(4).click()
    assert verdicts(page)[4] == UNSURE


def test_the_mouse_alone_commits_and_undoes(server: Server, page: Page) -> None:
    _begin(page)
    first = paths(page)
    page.locator(".tile").nth(1).click()
    page.locator(".bar__commit").click()
    expect(page.get_by_role("status")).to_have_text(re.compile("stored"))
    wait_until_open(page)
    assert paths(page) != first
    assert sorted(exported(server, pool="digits", class_name="four")) == sorted(first[:1] + first[2:])
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_have_text("Undone")
    assert paths(page) == first
    _expect_rejected(page, [1])
    assert exported(server, pool="digits", class_name="four") == []


def test_enter_goes_on_meaning_the_page_after_a_click_on_a_button(page: Page) -> None:
    _begin(page)
    first = paths(page)
    page.get_by_role("button", name="Invert").click()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(re.compile("stored"))
    wait_until_open(page)
    assert not set(paths(page)) & set(first)


def test_on_a_phone_a_tap_rejects_and_the_bar_commits_and_undoes(server: Server, new_page: NewPage) -> None:
    page = new_page(server, phone=True)
    _begin(page)
    first = paths(page)
    page.locator(".tile").nth(2).tap()
    _expect_rejected(page, [2])
    page.get_by_role("button", name="Unsure").tap()
    page.locator(".tile").nth(5).tap()
    assert verdicts(page)[5] == UNSURE
    page.locator(".bar__commit").tap()
    expect(page.get_by_role("status")).to_have_text(re.compile("stored"))
    wait_until_open(page)
    expected = [path for number, path in enumerate(first) if number not in {2, 5}]
    assert sorted(exported(server, pool="digits", class_name="four")) == sorted(expected)
    page.get_by_role("button", name="Undo").tap()
    expect(page.get_by_role("status")).to_have_text("Undone")
    assert paths(page) == first


def test_on_a_phone_holding_a_finger_shows_the_large_view_and_marks_nothing(server: Server, new_page: NewPage) -> None:
    page = new_page(server, phone=True)
    _begin(page)
    x, y = _centre(page.locator(".tile").nth(2))
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    expect(page.locator(".large-view")).to_be_visible()
    expect(page.locator(".large-view")).to_contain_text(paths(page)[2])
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(".large-view")).to_be_hidden()
    _expect_rejected(page, [])


def _begin(page: Page) -> None:
    open_review(page, pool="digits", class_name="four", path="4/")


def _expect_rejected(page: Page, numbers: list[int]) -> None:
    """Expect these tiles and no others to be rejected, as soon as the browser has heard of what the mouse did."""
    page.wait_for_function(
        """([verdict, wanted]) => {
            const tiles = [...document.querySelectorAll(".grid .tile")];
            const those = tiles.flatMap((tile, number) => (tile.dataset.verdict === verdict ? [number] : []));
            return JSON.stringify(those) === JSON.stringify(wanted);
        }""",
        arg=[REJECT, numbers],
    )


def _drag(page: Page, start: int, end: int) -> None:
    tiles = page.locator(".tile")
    # Measured beforehand: who presses without moving for a moment looks at a tile, and paints nothing.
    first, *others = [_centre(tiles.nth(number)) for number in range(start, end + 1)]
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=3)
    page.mouse.up()


def _centre(tile: Locator) -> tuple[float, float]:
    box = tile.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
