"""People managed in the browser: added, given a role, heard from, and removed."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser.annotator import log_in
from tests.browser.conftest import NewPage
from tests.browser.server import Server


def test_a_person_comes_works_with_a_token_and_goes(server: Server, new_page: NewPage) -> None:
    admin, ben = new_page(server), new_page(server, phone=True)

    # Nobody has to log in yet: the first person is an admin, and has to.
    admin.goto("/")
    admin.get_by_role("link", name="let people log in").click()
    admin.wait_for_url("**/people")
    _add(admin, "anna", button="Add this admin")
    password = _shown_once(admin)
    admin.wait_for_url("**/log-in*")
    log_in(admin, "anna", password)
    expect(admin.get_by_role("heading", name="People")).to_be_visible()

    _add(admin, "ben", button="Add")
    given = _shown_once(admin)
    admin.goto("/pools/digits")
    admin.get_by_role("link", name="Members").click()
    admin.wait_for_url("**/members")
    admin.get_by_label("Person").select_option("ben")
    admin.get_by_role("combobox", name="Role").select_option("engineer")
    admin.get_by_role("button", name="Add").click()
    expect(admin.get_by_label("Role of ben")).to_have_value("engineer")

    ben.goto("/me")
    log_in(ben, "ben", given)
    ben.get_by_label("Present password").fill(given)
    ben.get_by_label("New password").fill("a password of my own")
    ben.get_by_role("button", name="Change it").click()
    expect(ben.get_by_text("Your password is changed.")).to_be_visible()
    ben.get_by_label("What it is for").fill("nightly export")
    ben.get_by_role("combobox", name="Role").select_option("engineer")
    ben.get_by_role("button", name="Make it").click()
    expect(ben.get_by_text("It is not shown again.")).to_be_visible()
    token = _shown_once(ben)
    expect(ben.get_by_text("never used")).to_be_visible()
    assert token not in ben.content()
    assert json.loads(_by_token(server, token))["roles"] == {"digits": "engineer"}

    admin.goto("/people")
    admin.locator("summary").filter(has_text="ben").press("Enter")
    admin.get_by_role("button", name="Remove ben").press("Enter")
    expect(admin.get_by_text("All verdicts and labels stay")).to_be_visible()
    admin.get_by_role("button", name="Remove ben", exact=True).press("Enter")
    expect(admin.locator("summary").filter(has_text="ben")).to_have_count(0)
    ben.get_by_role("link", name="Winnow").click()
    expect(ben.get_by_role("heading", name="Log in")).to_be_visible()
    with pytest.raises(HTTPError, match="401"):
        _by_token(server, token)


def _add(page: Page, name: str, *, button: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name=button).click()


def _shown_once(page: Page) -> str:
    """Return the secret that a dialog shows, and close it, after which the page is loaded anew."""
    dialog = page.get_by_role("dialog")
    secret = dialog.locator("[data-once-target=secret]").input_value()
    with page.expect_navigation():
        dialog.get_by_role("button", name="I have copied it").click()
    return secret


def _by_token(server: Server, token: str) -> str:
    request = Request(f"{server.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    with urlopen(request, timeout=60) as answer:
        text: str = answer.read().decode()
    return text
