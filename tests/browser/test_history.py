"""The journal, merges beside open tabs, and why a picture has its label, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.annotator import (
    commit,
    exported,
    make_class,
    open_review,
    paths,
    start_review,
    store_page,
    wait_until_open,
)
from tests.browser.conftest import NewPage
from tests.browser.server import Server


def test_a_page_is_taken_back_from_the_journal_and_the_others_stay(server: Server, page: Page) -> None:
    review = start_review(page, pool="digits", class_name="nine", path="9/")
    first, second = sorted(store_page(page, review)), sorted(store_page(page, review))
    page.goto("/pools/digits")
    page.get_by_role("link", name="Journal").click()
    page.wait_for_url("**/journal")
    entry = page.locator(".journal__entry", has_text="stored page 1 of class “nine”")
    entry.get_by_role("button", name="Undo").click()
    dialog = page.get_by_role("dialog", name="Take this back?")
    expect(dialog).to_contain_text(f"local stored page 1 of class “nine”: {len(first)} accepted.")
    dialog.get_by_role("button", name="Leave it").click()
    assert len(exported(server, pool="digits", class_name="nine")) == len(first) + len(second)
    entry.get_by_role("button", name="Undo").press("Enter")
    dialog.get_by_role("button", name="Take it back").press("Enter")
    expect(entry).to_contain_text("taken back by local")
    expect(entry.get_by_role("button", name="Undo")).to_have_count(0)
    assert sorted(exported(server, pool="digits", class_name="nine")) == second
    # It was loaded anew: without its script the filters would stand in the address, empty ones as well.
    page.wait_for_load_state()
    page.get_by_label("What").select_option("Taken back")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(r"/journal\?act=undo$"))
    expect(page.locator(".journal__entry")).to_have_count(1)
    expect(page.locator(".journal__entry")).to_contain_text("took back, as a whole, their own page 1")


def test_a_page_is_looked_at_and_taken_back_at_its_own_address(server: Server, new_page: NewPage) -> None:
    page = new_page(server, phone=True)
    shown = store_page(page, start_review(page, pool="digits", class_name="nine", path="9/"), rejected=1)
    page.goto("/pages/1")
    expect(page.locator(".stored .tile")).to_have_count(len(shown))
    expect(page.locator(".stored .tile[data-verdict=reject]")).to_have_count(1)
    expect(page.get_by_text(f"{len(shown) - 1} accepted, 1 rejected, 0 unsure")).to_be_visible()
    page.get_by_role("button", name="Undo this page").click()
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_text("taken back by local")).to_be_visible()
    assert exported(server, pool="digits", class_name="nine") == []
    page.locator(".stored .tile").first.click()
    expect(page.get_by_role("heading", name="Why has this picture its labels?")).to_be_visible()
    expect(page.locator(".journal__entry")).to_contain_text("taken back by local")


def test_a_tab_with_an_open_page_of_a_class_that_was_merged_stores_it_for_the_other_one(
    server: Server, new_page: NewPage
) -> None:
    old = new_page(server)
    open_review(old, pool="digits", class_name="nine", path="9/")
    first = paths(old)
    commit(old)
    page = new_page(server)
    make_class(page, pool="digits", name="number 9")
    page.goto("/pools/digits/classes/nine")
    page.get_by_role("button", name="Rename or merge this class").click()
    page.get_by_label("Into").select_option("number 9")
    expect(page.get_by_role("dialog")).to_contain_text(
        f"What “nine” has ({len(first)} accepted, 0 rejected) will count for “number 9” (0 accepted, 0 rejected)."
    )
    page.get_by_role("button", name="Merge", exact=True).click()
    page.wait_for_url("**/classes/number%209")
    second = paths(old)
    commit(old)
    expect(old.get_by_text("“nine” was merged into “number 9”: what is stored here counts")).to_be_visible()
    assert sorted(exported(server, pool="digits", class_name="number%209")) == sorted([*first, *second])
    old.reload()
    wait_until_open(old)
    expect(old.get_by_role("heading", name="number 9")).to_be_visible()
    page.goto("/pools/digits/classes/number 9")
    page.get_by_role("button", name="Rename or merge this class").click()
    page.get_by_role("button", name="Take “nine” back").click()
    page.wait_for_url("**/classes/nine")
    assert sorted(exported(server, pool="digits", class_name="nine")) == sorted(first)


def test_a_renamed_class_and_pool_are_at_their_new_addresses(server: Server, page: Page) -> None:
    store_page(page, start_review(page, pool="digits", class_name="nine", path="9/"))
    page.goto("/pools/digits/classes/nine")
    page.get_by_role("button", name="Rename or merge this class").click()
    page.get_by_role("textbox", name="Name").fill("nine?")
    page.get_by_role("textbox", name="Name").press("Enter")
    page.wait_for_url("**/classes/nine%3F")
    page.wait_for_selector(".tile[data-cursor]")
    page.keyboard.press("w")
    page.wait_for_url("**/images/*")
    expect(page.locator(".labels")).to_contain_text("nine? accepted")
    page.goto("/pools/digits")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_role("textbox", name="Name").fill("numbers")
    page.get_by_role("textbox", name="Name").press("Enter")
    page.wait_for_url("**/pools/numbers")
    expect(page.get_by_role("heading", name="numbers")).to_be_visible()
