"""The home page and a pool's page: from an empty home to a review."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.annotator import begin_review, make_class, paths, start_review, store_page, wait_until_open
from tests.browser.conftest import NewPage
from tests.browser.server import Server
from tests.browser.watched import Watch

JOBS_END_WITHIN_MS = 120_000


def test_from_an_empty_home_to_a_pool_that_can_be_labelled(
    serve: Callable[..., Server], new_page: NewPage, digits: Path, tmp_path: Path, watch: Watch
) -> None:
    pictures = tmp_path / "pictures"
    for digit in ("0", "1"):
        shutil.copytree(digits / "pictures" / "digits" / digit, pictures / digit)
    (pictures / "0" / "not a picture.png").write_text("nothing")
    server = serve()
    page = new_page(server)
    page.goto("/")
    page.get_by_label("Name").fill("my digits")
    page.get_by_label("Folder of pictures").fill(str(tmp_path / "elsewhere"))
    watch.refusals = 1
    page.get_by_role("button", name="Create and import").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Folder of pictures").fill(str(pictures))
    page.get_by_role("button", name="Create and import").click()
    page.wait_for_url("**/pools/my%20digits")
    expect(page.get_by_text("up to date")).to_be_visible(timeout=JOBS_END_WITHIN_MS)
    page.get_by_role("link", name="1 not readable").click()
    expect(page.get_by_role("cell", name="0/not a picture.png")).to_be_visible()
    begin_review(page, pool="my digits", class_name="one", path="1/")


def test_a_pool_without_an_index_offers_to_build_one(
    serve: Callable[..., Server], new_page: NewPage, digits: Path, tmp_path: Path
) -> None:
    shutil.copytree(digits / "pictures" / "digits" / "0", tmp_path / "pictures")
    server = serve()
    server.run("import", "zeros", str(tmp_path / "pictures"))
    page = new_page(server)
    page.goto("/pools/zeros")
    page.get_by_role("button", name="Build the index").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text("up to date")).to_be_visible(timeout=JOBS_END_WITHIN_MS)


def test_without_a_class_a_picture_starts_nothing_and_says_why(page: Page) -> None:
    page.goto("/pools/digits")
    page.locator(".grid .tile").first.click()
    expect(page.get_by_role("alert").filter(has_text="Create a class first")).to_be_visible()
    expect(page.get_by_label("New class")).to_be_focused()


def test_a_class_that_differs_only_in_case_is_refused_with_a_sentence(page: Page, watch: Watch) -> None:
    page.goto("/pools/digits")
    page.get_by_label("New class").fill("Zero")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="Zero")).to_be_checked()
    watch.refusals = 1
    page.get_by_label("New class").fill("zero")
    page.get_by_label("New class").press("Enter")
    expect(page.get_by_role("alert").filter(has_text="already has a class")).to_be_visible()


def test_a_new_class_stands_in_its_place_and_stays_chosen_when_one_comes_back_from_its_review(page: Page) -> None:
    for name in ("nine", "Seven"):
        make_class(page, pool="digits", name=name)
    begin_review(page, pool="digits", class_name="one", path="1/")
    page.go_back()
    names = page.locator(".class-line__name:visible")
    expect(names).to_have_text(["nine", "one", "Seven"])
    expect(page.get_by_role("radio", name="one")).to_be_checked()
    page.get_by_label("New class").fill("Other")
    page.keyboard.press("Enter")
    expect(names).to_have_text(["nine", "one", "Other", "Seven"])


def test_the_list_of_pictures_grows_as_one_scrolls_and_is_filtered_by_path(page: Page) -> None:
    page.goto("/pools/digits")
    tiles = page.locator(".grid .tile")
    expect(tiles).to_have_count(120)
    tiles.last.scroll_into_view_if_needed()
    expect(tiles).not_to_have_count(120)
    page.get_by_label("Filter by path").fill("9/")
    expect(page.locator(".grid .tile:not([data-path^='9/'])")).to_have_count(0)
    expect(page.locator(".grid .tile")).to_have_count(120)
    page.get_by_label("Filter by path").fill("no such path")
    expect(page.get_by_text("No path contains this.")).to_be_visible()


def test_a_chosen_file_starts_a_review(page: Page, digits: Path) -> None:
    _with_class(page, "six")
    page.locator("input[type=file]").set_input_files(_picture(digits, "6"))
    _expect_to_be_found(page, digits)


def test_a_pasted_picture_starts_a_review(page: Page, digits: Path) -> None:
    _with_class(page, "six")
    _hand_over(page, digits, "new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})")
    _expect_to_be_found(page, digits)


def test_a_dropped_picture_starts_a_review(page: Page, digits: Path) -> None:
    _with_class(page, "six")
    _hand_over(page, digits, "new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})")
    _expect_to_be_found(page, digits)


def test_a_file_that_is_no_picture_is_refused_with_a_sentence(page: Page, watch: Watch) -> None:
    _with_class(page, "six")
    watch.refusals = 1
    page.locator("input[type=file]").set_input_files(
        {"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"}
    )
    expect(page.locator("main > .pool-body [role=alert]:visible")).to_have_text(re.compile(r"picture.*\.$"))


def test_the_export_dialog_downloads_the_labels_of_a_class(page: Page) -> None:
    shown = len(store_page(page, start_review(page, pool="digits", class_name="eight", path="8/")))
    page.goto("/pools/digits")
    page.get_by_role("button", name="Export CSV").click()
    page.get_by_role("combobox", name="Class").select_option("eight")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 1 + shown


def _with_class(page: Page, name: str) -> None:
    make_class(page, pool="digits", name=name)
    page.goto("/pools/digits")
    expect(page.get_by_role("radio", name=name)).to_be_checked()


def _picture(digits: Path, digit: str) -> Path:
    return sorted((digits / "pictures" / "digits" / digit).iterdir())[0]


def _hand_over(page: Page, digits: Path, event: str) -> None:
    content = base64.b64encode(_picture(digits, "6").read_bytes()).decode()
    page.evaluate(
        """([content, make]) => {
            const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "picture.png", {type: "image/png"}));
            document.querySelector("main").dispatchEvent(make(data));
        }""".replace("make(data)", event),
        [content, None],
    )


def _expect_to_be_found(page: Page, digits: Path) -> None:
    """Whatever else is found: the same picture lies in the pool, so it is on the first page."""
    page.wait_for_url("**/reviews/*")
    wait_until_open(page)
    assert f"6/{_picture(digits, '6').name}" in paths(page)
