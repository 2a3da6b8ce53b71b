"""Starting a review from several pictures, from what is not wanted, from a part, and from what is labelled."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.annotator import make_class, start_review, store_page, tab_to, wait_until_open
from tests.browser.conftest import NewPage
from tests.browser.server import Server
from tests.browser.watched import Watch


def test_the_keyboard_collects_several_and_what_is_not_wanted_and_starts_from_them(server: Server, page: Page) -> None:
    _with_class(page, "one")
    _to_pictures(page, "1/")
    page.keyboard.press("s")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("s")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("n")
    expect(_tray(page).get_by_role("status")).to_have_text("Start from 2 pictures, 1 not wanted")
    collected = _images(page, 3)
    page.keyboard.press("Enter")
    query = _query_of_review(server, page)
    assert (query["images"], query["unwanted"]) == (collected[:2], collected[2:])
    expect(page.locator(".review__query[data-example=wanted]")).to_have_count(2)
    expect(page.get_by_role("img", name="Not wanted")).to_be_visible()


def test_the_same_key_again_takes_out_and_the_other_one_changes_sides(page: Page) -> None:
    _with_class(page, "one")
    _to_pictures(page, "1/")
    words = _tray(page).get_by_role("status")
    page.keyboard.press("s")
    expect(words).to_have_text("Start from 1 picture")
    expect(page.locator(".tile").first).to_have_attribute("aria-label", re.compile(", collected$"))
    page.keyboard.press("n")
    expect(words).to_have_text("Start from 0 pictures, 1 not wanted")
    page.keyboard.press("n")
    expect(_tray(page)).to_be_hidden()


def test_what_is_collected_stays_when_the_pictures_are_filtered_and_can_be_removed_by_key(page: Page) -> None:
    _with_class(page, "one")
    _to_pictures(page, "1/")
    page.keyboard.press("s")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("n")
    for path, marked in (("2/", 0), ("1/", 2)):
        page.get_by_label("Filter by path").fill(path)
        expect(page.locator(".tile").first).to_have_attribute("data-path", re.compile(f"^{path}"))
        expect(page.locator(".tile[data-example]")).to_have_count(marked)
    tab_to(page, ".example__remove")
    page.keyboard.press("Enter")
    expect(_tray(page).get_by_role("status")).to_have_text("Start from 0 pictures, 1 not wanted")
    expect(page.locator(".example__remove")).to_be_focused()
    page.keyboard.press("Enter")
    expect(_tray(page)).to_be_hidden()
    expect(page.locator(".tile[data-cursor]")).to_be_focused()


def test_only_what_is_not_wanted_is_refused_with_a_sentence_and_stays_collected(page: Page, watch: Watch) -> None:
    _with_class(page, "one")
    _to_pictures(page, "1/")
    page.keyboard.press("n")
    watch.refusals = 1
    page.keyboard.press("Enter")
    expect(_problem(page)).to_contain_text("unwanted pictures alone")
    expect(_tray(page)).to_be_visible()


def test_the_keyboard_cuts_out_a_part_and_starts_from_it(server: Server, page: Page) -> None:
    _with_class(page, "three")
    _to_pictures(page, "3/")
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="Start from a part")
    _expect_the_picture(page)
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Shift+ArrowLeft", "Shift+ArrowDown", "Shift+ArrowDown"):
        page.keyboard.press(key)
    expect(dialog.get_by_role("status")).to_have_text(
        "58 % × 64 % of the picture, 24 % from the left, 22 % from the top: 37 × 41 pixels"
    )
    (image,) = _images(page, 1)
    page.keyboard.press("Enter")
    (crop,) = _query_of_review(server, page)["crops"]
    assert (crop.pop("image"), crop.pop("upload")) == (image, None)
    assert {name: round(value, 4) for name, value in crop.items()} == {
        "left": 0.24,
        "top": 0.22,
        "width": 0.58,
        "height": 0.64,
    }
    shown = page.get_by_role("img", name="Query: a part of a picture")
    # As high as it was cut: it is the part that is shown, not the whole.
    page.wait_for_function("image => image.naturalHeight > image.naturalWidth", arg=shown.element_handle())


def test_arrows_stop_at_the_edges_and_at_the_least_size(page: Page) -> None:
    _with_class(page, "three")
    _to_pictures(page, "3/")
    page.keyboard.press("c")
    _expect_the_picture(page)
    for key in ("Shift+ArrowLeft", "Shift+ArrowUp", "ArrowRight", "ArrowDown"):
        for _ in range(45):
            page.keyboard.press(key)
    # A quarter of the 64 pixels of a digit.
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text(
        "25 % × 25 % of the picture, 75 % from the left, 75 % from the top: 16 × 16 pixels"
    )
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".tile[data-cursor]")).to_be_focused()


def test_the_mouse_draws_moves_and_stretches_a_part(page: Page) -> None:
    _with_class(page, "three")
    _to_pictures(page, "3/")
    page.keyboard.press("c")
    _expect_the_picture(page)
    said = page.get_by_role("dialog").get_by_role("status")
    _drag(page, (0.1, 0.1), (0.5, 0.6))
    expect(said).to_contain_text("40 % × 50 % of the picture, 10 % from the left, 10 % from the top")
    _drag(page, (0.3, 0.3), (0.5, 0.3))
    expect(said).to_contain_text("40 % × 50 % of the picture, 30 % from the left, 10 % from the top")
    _drag(page, (0.7, 0.6), (0.9, 1.3))
    expect(said).to_contain_text("60 % × 90 % of the picture, 30 % from the left, 10 % from the top")
    _drag(page, (0.1, 0.1), (0.2, 0.15))
    expect(said).to_contain_text("a part needs at least 16 a side")
    expect(page.get_by_role("dialog").get_by_role("button", name="Start")).to_be_disabled()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_until_the_picture_has_come_nothing_can_be_chosen_of_it(page: Page) -> None:
    _with_class(page, "three")
    _to_pictures(page, "3/")
    held: list[Route] = []
    page.route(re.compile("/thumbnail[?]size=1024$"), lambda route: held.append(route))
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status")).to_have_text("The picture is on its way.")
    for name in ("Collect more", "Start"):
        expect(dialog.get_by_role("button", name=name)).to_be_disabled()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    held.pop().continue_()
    _expect_the_picture(page)
    expect(dialog.get_by_role("button", name="Start")).to_be_enabled()


def test_a_part_of_what_is_collected_takes_its_place(server: Server, page: Page) -> None:
    _with_class(page, "three")
    _to_pictures(page, "3/")
    page.keyboard.press("s")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("s")
    _tray(page).get_by_role("button", name="Choose a part").first.click()
    page.get_by_role("button", name="Collect more").click()
    expect(_tray(page).get_by_role("status")).to_have_text("Start from 2 pictures")
    whole = _images(page, 2)
    _tray(page).get_by_role("button", name="Start").click()
    query = _query_of_review(server, page)
    assert (query["images"], [crop["image"] for crop in query["crops"]]) == (whole[1:], whole[:1])


def test_a_class_is_gone_on_with_from_its_labelled_pictures(server: Server, page: Page) -> None:
    accepted = len(store_page(page, start_review(page, pool="digits", class_name="eight", path="8/")))
    page.goto("/pools/digits")
    expect(page.get_by_role("radio", name="eight")).to_be_checked()
    tab_to(page, ".class-line__labelled")
    expect(page.locator(":focus")).to_have_text(f"Start from its {accepted} labelled pictures")
    page.keyboard.press("Enter")
    assert len(_query_of_review(server, page)["images"]) == min(accepted, 100)


def test_ctrl_click_collects_and_further_clicks_go_on_with_it(server: Server, page: Page) -> None:
    _with_class(page, "one")
    _filter(page, "1/")
    tiles = page.locator(".tile")
    tiles.nth(0).click(modifiers=["Control"])
    tiles.nth(1).click()
    tiles.nth(2).click(modifiers=["Shift"])
    tiles.nth(1).click()
    tiles.nth(2).click(click_count=2)
    expect(_tray(page).get_by_role("status")).to_have_text("Start from 1 picture, 1 not wanted")
    collected = _images(page, 2)
    _tray(page).get_by_role("button", name="Start").click()
    query = _query_of_review(server, page)
    assert (query["images"], query["unwanted"]) == (collected[:1], collected[1:])


def test_on_a_phone_select_collects_by_taps(server: Server, new_page: NewPage) -> None:
    page = new_page(server, phone=True)
    _with_class(page, "one")
    _filter(page, "1/")
    page.get_by_role("button", name="Select").tap()
    for number in (0, 1, 1, 4, 5, 6, 8, 9):
        page.locator(".tile").nth(number).tap()
    expect(_tray(page).get_by_role("status")).to_have_text("Start from 6 pictures, 1 not wanted")
    # The tray scrolls by itself.
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    _tray(page).get_by_role("button", name="Start").tap()
    query = _query_of_review(server, page)
    assert (len(query["images"]), len(query["unwanted"])) == (6, 1)


def test_several_files_are_collected_and_a_part_of_one_is_used(server: Server, page: Page, digits: Path) -> None:
    _with_class(page, "six")
    files = sorted((digits / "pictures" / "digits" / "6").iterdir())[:2]
    page.locator("input[type=file]").set_input_files(files)
    expect(_tray(page).get_by_role("status")).to_have_text("Start from 2 pictures")
    _tray(page).get_by_role("button", name="Choose a part").nth(1).click()
    page.get_by_role("dialog").get_by_role("button", name="Start").click()
    query = _query_of_review(server, page)
    assert (len(query["uploads"]), [crop["image"] for crop in query["crops"]]) == (1, [None])


def test_without_a_class_what_is_collected_stays(page: Page) -> None:
    page.goto("/pools/digits")
    _to_pictures(page, "1/")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(_problem(page)).to_contain_text("Create a class first")
    page.keyboard.type("one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="one")).to_be_checked()
    _tray(page).get_by_role("button", name="Start").click()
    page.wait_for_url("**/reviews/*")


def test_keys_elsewhere_on_the_page_collect_nothing(page: Page) -> None:
    _with_class(page, "one")
    page.get_by_role("radio", name="one").focus()
    for key in "snc":
        page.keyboard.press(key)
    expect(_tray(page)).to_be_hidden()
    expect(page.get_by_role("dialog")).to_be_hidden()


def _with_class(page: Page, name: str) -> None:
    make_class(page, pool="digits", name=name)
    page.goto("/pools/digits")
    expect(page.get_by_role("radio", name=name)).to_be_checked()


def _filter(page: Page, path: str) -> None:
    page.get_by_label("Filter by path").fill(path)
    expect(page.locator(".tile").first).to_have_attribute("data-path", re.compile(f"^{path}"))


def _to_pictures(page: Page, path: str) -> None:
    """Filter the pictures and put the cursor on the first, with the keyboard alone."""
    tab_to(page, "input[type=search]")
    page.keyboard.type(path)
    expect(page.locator(".tile").first).to_have_attribute("data-path", re.compile(f"^{path}"))
    tab_to(page, ".tile")


def _tray(page: Page) -> Locator:
    return page.locator(".tray")


def _problem(page: Page) -> Locator:
    return page.locator(".tray-place [role=alert]:visible")


def _images(page: Page, count: int) -> list[str]:
    """The images of the first tiles, as the API names them."""
    found: list[str] = page.evaluate("[...document.querySelectorAll('.tile')].map(tile => tile.dataset.image)")
    return found[:count]


def _query_of_review(server: Server, page: Page) -> dict[str, Any]:
    """Wait for the review that begins and return what it started from."""
    page.wait_for_url("**/reviews/*")
    wait_until_open(page)
    return dict(json.loads(server.get(f"/api/v1/reviews/{page.url.rsplit('/', 1)[1]}"))["query"])


def _expect_the_picture(page: Page) -> None:
    """Wait until the dialog shows its picture and tells of the part that is chosen at first."""
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("60 % × 60 %")


def _drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag between two points of the picture in the dialog, in parts of it."""
    area = page.locator(".cropper").bounding_box()
    assert area is not None
    points = [(area["x"] + area["width"] * x, area["y"] + area["height"] * y) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=4)
    page.mouse.up()
