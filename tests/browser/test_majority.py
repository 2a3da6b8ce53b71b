"""A pool in which what one person says is no label yet."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.annotator import commit, open_review, paths
from tests.browser.conftest import NewPage
from tests.browser.server import Server

TALLY = "Labels of this class so far"


def test_what_one_person_stored_under_a_majority_is_told_as_open(server: Server, new_page: NewPage) -> None:
    phone = new_page(server, phone=True)
    _ask_two(phone)
    open_review(phone, pool="digits", class_name="five", path="5/")
    count = len(paths(phone))
    expect(phone.get_by_title(TALLY)).to_contain_text("0 open")
    commit(phone)
    expect(phone.get_by_title(TALLY)).to_contain_text(f"{count} open")
    phone.goto("/pools/digits/classes/five")
    expect(phone.get_by_title("Nothing holds of these yet")).to_have_text(f"{count} open")
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_where_one_person_is_enough_nothing_is_told_of_open_ones(page: Page) -> None:
    open_review(page, pool="digits", class_name="five", path="5/")
    commit(page)
    expect(page.get_by_title(TALLY)).to_contain_text("accepted")
    expect(page.get_by_text("open", exact=True)).to_be_hidden()


def _ask_two(page: Page) -> None:
    assert page.request.put("/api/v1/pools/digits/rule", data={"rule": "majority", "majority_of": 2}).ok
