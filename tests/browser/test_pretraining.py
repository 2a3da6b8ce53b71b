"""A pretraining from the browser, by keyboard: started, watched, stopped, resumed, and its encoder chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.annotator import tab_to
from tests.browser.conftest import NewPage
from tests.browser.server import Server
from tests.browser.watched import Watch
from tests.jobs.trainer import install_trainer

SOON_MS = 60_000


@pytest.fixture
def training(serve: Callable[[Path], Server], digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server with the pool “digits”, whose trainer stays at epoch 4 until it is stopped."""
    for name, value in {**install_trainer(tmp_path / "trainer"), "STAYS_AT": "4"}.items():
        monkeypatch.setenv(name, value)
    return serve(digits)


def test_a_pretraining_is_started_watched_stopped_resumed_and_its_encoder_chosen(
    training: Server, new_page: NewPage
) -> None:
    page = new_page(training)
    page.goto("/pools/digits")
    press(page, "a:has-text('Encoders')")
    page.wait_for_url("**/encoders")
    expect(page.get_by_role("region", name="Index versions").get_by_text("served", exact=True)).to_be_visible()
    tab_to(page, "[name=recipe]")
    expect(page.get_by_role("radio", name="folder")).to_be_checked()
    expect(page.get_by_label("Start from")).to_have_value("colour-grid")
    # The one that is served cannot be trained further.
    tab_to(page, "[name=init]")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Start from")).to_have_value("simclr-resnet18-96")
    tab_to(page, "[name='training.epochs']")
    page.keyboard.type("6")
    tab_to(page, "[name=name]")
    page.keyboard.press("Control+A")
    page.keyboard.type("first")
    page.keyboard.press("Enter")

    page.wait_for_url("**/jobs/*")
    expect(page.get_by_role("heading", name="first", exact=True)).to_be_visible()
    expect(page.get_by_text("3.0 of 6")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_text("time left")).to_be_visible()
    expect(page.get_by_role("img", name="RankMe: 12 at epoch 2")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_text("first-epoch-0002", exact=True)).to_be_visible(timeout=SOON_MS)
    press(page, "#stop")
    expect(page.get_by_text("is stopped")).to_be_visible(timeout=SOON_MS)
    press(page, "#resume")
    expect(page.locator("[data-job-target=phase]")).to_have_text("is done", timeout=SOON_MS)
    press(page, "summary:has-text('As a table')")
    expect(page.get_by_role("row", name="RankMe 6 16")).to_be_visible()

    phone = new_page(training, phone=True)
    for address in ("/pools/digits/encoders", page.url):
        phone.goto(address)
        for more in phone.locator("summary").all():
            more.click()
        assert phone.evaluate("document.documentElement.scrollWidth") == 390, address

    press(page, "#reindex-first-epoch-0006")
    expect(page.get_by_role("heading", name="Index of digits")).to_be_visible()


@pytest.mark.torch
def test_what_is_wrong_is_told_beside_its_field(page: Page, watch: Watch) -> None:
    page.goto("/pools/digits/encoders")
    epochs = page.get_by_role("textbox", name="Epochs")
    epochs.fill("many")
    watch.refusals = 1
    page.get_by_role("button", name="Start the pretraining").click()
    expect(page.locator(".field", has=epochs).get_by_role("alert")).to_contain_text("training.epochs")
    expect(epochs).to_be_focused()
    expect(epochs).to_have_attribute("aria-invalid", "true")
    epochs.fill("")
    page.get_by_role("textbox", name="Batch").fill("100000")
    watch.refusals = 1
    page.get_by_role("button", name="Start the pretraining").click()
    expect(page.get_by_role("textbox", name="Batch")).to_be_focused()
    expect(epochs).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("fewer than a batch of 100,000")).to_be_visible()


def press(page: Page, selector: str) -> None:
    # A button does nothing before the page's scripts have been loaded.
    page.wait_for_load_state()
    tab_to(page, f":is({selector})" if ":has-text" not in selector else focusable(page, selector))
    page.keyboard.press("Enter")


def focusable(page: Page, selector: str) -> str:
    """Give what a text names an id, so that a plain selector finds it."""
    page.locator(selector).evaluate("(element) => element.id ||= 'named'")
    return "#" + str(page.locator(selector).get_attribute("id"))
