"""What a review knows beyond the next page, worked with the keyboard: depth, lots, attention, likeness, the outlook."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.annotator import (
    commit,
    exported,
    go_to,
    open_review,
    paths,
    strike_out,
    tab_to,
    verdicts,
    wait_until_open,
)
from tests.browser.conftest import NewPage
from tests.browser.server import Server
from tests.browser.watched import Watch

KIND = ".kind"


@pytest.fixture
def review(page: Page) -> Page:
    """An open page of a review of ones."""
    open_review(page, pool="digits", class_name="one", path="1/")
    return page


def press(page: Page, key: str) -> None:
    """Press a key that leads to another page, and wait for that page."""
    before = paths(page)
    page.keyboard.press(key)
    page.wait_for_function(
        "before => document.querySelector('main').dataset.state === 'open'"
        " && JSON.stringify([...document.querySelectorAll('.grid .tile')].map(tile => tile.dataset.path)) !== before",
        arg="[" + ",".join(f'"{path}"' for path in before) + "]",
    )


def test_d_looks_deeper_and_escape_goes_back_to_the_order(review: Page) -> None:
    top = paths(review)
    press(review, "d")
    expect(review.locator(KIND)).to_contain_text("pictures come before these")
    assert not set(paths(review)) & set(top)
    press(review, "Escape")
    assert paths(review) == top
    expect(review.locator(KIND)).to_be_hidden()


def test_d_on_a_page_from_further_down_stores_it_and_goes_on(review: Page, server: Server) -> None:
    press(review, "d")
    first = review.locator(KIND).inner_text()
    kept = strike_out(review, keep="1/")
    press(review, "d")
    assert review.locator(KIND).inner_text() != first
    assert set(exported(server, pool="digits", class_name="one")) == kept


def test_marks_are_not_lost_by_looking_elsewhere(review: Page) -> None:
    review.keyboard.press("x")
    before = paths(review), verdicts(review)
    review.keyboard.press("d")
    expect(review.locator(".state")).to_contain_text("Store this page first")
    assert (paths(review), verdicts(review)) == before


def test_many_are_accepted_by_a_sample_with_the_keyboard_alone_and_taken_back(review: Page, server: Server) -> None:
    review.keyboard.press("s")
    expect(review.get_by_role("dialog")).to_be_visible()
    review.keyboard.type("100")
    review.keyboard.press("Enter")
    expect(review.locator(KIND)).to_contain_text("random sample")
    wait_until_open(review)
    assert len(paths(review)) == 60
    seen = strike_out(review, keep="1/")
    review.keyboard.press("Enter")
    statement = review.locator(".judged h2")
    expect(statement).to_contain_text(re.compile(r"At least [\d.]+ % of these 100 match, with 95 % confidence."))
    assert set(exported(server, pool="digits", class_name="one")) == seen
    # A reload in between forgets nothing.
    said = statement.inner_text()
    review.reload()
    expect(statement).to_have_text(said)
    # Enter does so only where the sample speaks for it, which is chance here.
    review.keyboard.press("a")
    expect(review.locator(".state")).to_contain_text("40 accepted by sample")
    wait_until_open(review)
    assert len(exported(server, pool="digits", class_name="one")) == len(seen) + 40
    review.keyboard.press("z")
    expect(statement).to_be_visible()
    expect(statement).to_have_text(said)
    assert set(exported(server, pool="digits", class_name="one")) == seen
    review.keyboard.press("Escape")
    wait_until_open(review)
    expect(review.locator(KIND)).to_be_hidden()


def test_a_sample_is_looked_at_further_as_planned(review: Page) -> None:
    review.keyboard.press("s")
    review.keyboard.type("300")
    tab_to(review, "input[name=looks]")
    review.keyboard.press("ArrowDown")
    tab_to(review, "dialog button.button--primary")
    review.keyboard.press("Enter")
    expect(review.locator(KIND)).to_contain_text("random sample")
    wait_until_open(review)
    review.keyboard.press("Enter")
    expect(review.locator(".judged")).to_contain_text("Look at 60 more")
    review.keyboard.press("f")
    wait_until_open(review)
    review.keyboard.press("Enter")
    expect(review.locator(".judged")).to_contain_text("120 of 120 in the sample match")


def test_a_lot_that_is_too_large_is_refused_with_a_sentence(review: Page, watch: Watch) -> None:
    watch.refusals = 1
    # Only then the browser knows how many there are; it would not send more, so it is made to forget.
    expect(review.locator("[data-lot-target=left]")).not_to_have_text("–")
    review.keyboard.press("s")
    review.evaluate("document.querySelector('#lot-dialog input').removeAttribute('max')")
    review.keyboard.type("99999")
    review.keyboard.press("Enter")
    expect(review.get_by_role("dialog").get_by_role("alert")).to_contain_text("Only")


def test_a_second_look_shows_accepted_ones_again_and_a_reject_counts(review: Page, server: Server) -> None:
    shown = set(paths(review))
    commit(review)
    press(review, "r")
    assert set(paths(review)) <= shown
    struck_out = paths(review)[0]
    review.keyboard.press("x")
    review.keyboard.press("Enter")
    # All were shown: the order goes on.
    expect(review.locator(".state")).to_contain_text("has been looked at once more")
    assert set(exported(server, pool="digits", class_name="one")) == shown - {struck_out}


def test_m_shows_more_like_the_picture_under_the_cursor(review: Page) -> None:
    press(review, "m")
    expect(review.locator(KIND)).to_contain_text("Like the one picture")
    press(review, "Escape")


def test_the_outlook_tells_what_is_left_and_its_strip_chooses_a_lot(review: Page) -> None:
    strike_out(review, keep="1/")
    with review.expect_response("**/outlook?*"):
        commit(review)
    expect(review.locator(".outlook__sentence")).to_contain_text("left")
    expect(review.locator(".strip svg rect").first).to_be_attached()
    tab_to(review, ".strip svg")
    for _ in range(3):
        review.keyboard.press("ArrowDown")
    chosen = review.locator(".strip svg").get_attribute("aria-valuenow")
    assert chosen is not None
    assert int(chosen) > 0
    review.keyboard.press("Enter")
    expect(review.locator("#lot-dialog input[name=size]")).to_have_value(chosen)


def test_tiles_in_doubt_are_marked_unless_that_is_switched_off(review: Page) -> None:
    doubted = review.locator(".tile[data-doubt]")
    # Neither on a page that is surely right nor on one that is mostly wrong.
    for _ in range(5):
        strike_out(review, keep="1/")
        with review.expect_response("**/outlook?*"):
            commit(review)
        review.wait_for_timeout(200)
        if doubted.count():
            break
    expect(doubted.first).to_be_visible()
    expect(doubted.first).to_have_attribute("aria-label", re.compile("in doubt"))
    review.get_by_text("Against overlooking").click()
    review.get_by_label("Mark tiles in doubt").uncheck()
    expect(doubted).to_have_count(0)


@pytest.fixture
def planting(serve: Callable[..., Server], digits: Path, new_page: NewPage) -> tuple[Server, Page]:
    server = serve(digits, planted_per_page=1)
    return server, new_page(server)


def test_an_overlooked_planted_picture_is_told_afterwards_and_not_stored(planting: tuple[Server, Page]) -> None:
    server, page = planting
    open_review(page, pool="digits", class_name="one", path="1/")
    rejected: set[str] = set()
    # The first pages bring what is to be planted: not all are ones when nothing is known yet.
    while len(rejected) < 10:
        rejected |= set(paths(page)) - strike_out(page, keep="1/")
        commit(page)
    assert set(paths(page)) & rejected
    page.keyboard.press("Enter")
    expect(page.locator(".state")).to_contain_text("overlooked")
    expect(page.get_by_alt_text("Known not to match")).to_be_visible()
    expect(page.locator(".outlook")).to_contain_text("You caught")
    assert not set(exported(server, pool="digits", class_name="one")) & rejected


def test_a_stack_is_opened_and_closed_by_key_and_its_verdict_goes_to_all(
    serve: Callable[..., Server], digits: Path, new_page: NewPage
) -> None:
    server = serve(digits, stacks=True)
    server.run("reindex", "digits")
    page = new_page(server)
    open_review(page, pool="digits", class_name="one", path="1/")
    tiles, stack = page.locator(".grid .tile"), page.locator(".tile[data-stack]").first
    while not stack.count():
        commit(page)
    shown, images = tiles.count(), int(stack.get_attribute("data-stack") or 0)
    number = page.evaluate("[...document.querySelectorAll('.grid .tile')].findIndex(tile => tile.dataset.stack)")
    go_to(page, number)
    page.keyboard.press("o")
    expect(tiles).to_have_count(shown + images - 1)
    expect(stack).to_have_attribute("aria-label", re.compile("opened stack of"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    assert verdicts(page)[number : number + 2] == ["accept", "reject"]
    page.keyboard.press("o")
    expect(tiles).to_have_count(shown)
    before = len(exported(server, pool="digits", class_name="one"))
    counted = int(page.locator(".bar__commit b").inner_text())
    commit(page)
    assert len(exported(server, pool="digits", class_name="one")) - before == counted >= shown + images - 1


def test_v_moves_a_review_to_the_index_that_is_served_now_with_its_labels(review: Page, server: Server) -> None:
    commit(review)
    labels = set(exported(server, pool="digits", class_name="one"))
    expect(review.locator("[data-outlook-target=another]")).to_be_hidden()
    server.run("reindex", "digits")
    review.reload()
    expect(review.locator("[data-outlook-target=another]")).to_contain_text("Another index version is served now")
    wait_until_open(review)
    review.keyboard.press("v")
    expect(review.locator(".state")).to_contain_text("Moved to the index served now")
    expect(review.locator("[data-outlook-target=another]")).to_be_hidden()
    assert set(exported(server, pool="digits", class_name="one")) == labels
    commit(review)
