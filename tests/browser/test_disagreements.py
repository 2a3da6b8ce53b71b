"""People who differ: a second review, the queue of disagreements settled by the keyboard, and another rule."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.browser.annotator import commit, exported, paths, tab_to, wait_until_open
from tests.browser.server import Server
from tests.browser.watched import Watch

API = "/api/v1/pools/digits"

# Before anything is answered.
PRESS_TWICE = """(key) => {
  for (const _ of "12") document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
}"""


@pytest.fixture
def nines(server: Server) -> list[str]:
    """Twelve nines that Ben accepted, by path."""
    _send(server, f"{API}/classes", {"name": "nine"})
    found = json.loads(server.get(f"{API}/images?limit=12&path=9/"))["items"]
    images = [image["id"] for image in found]
    _send(server, f"{API}/classes/nine/verdicts", {"images": images, "verdict": "accept"})
    with closing(sqlite3.connect(server.home / "winnow.db")) as database, database:
        database.execute(
            "INSERT INTO person (name, name_key, admin, created_at) VALUES ('Ben', 'ben', 0, '2026-01-01')"
        )
    _say_that_ben_did_it(server)
    return [image["path"] for image in found]


def test_what_others_accepted_is_looked_at_and_what_is_disputed_is_settled_by_the_keyboard_alone(
    server: Server, page: Page, nines: list[str]
) -> None:
    page.goto("/pools/digits/classes/nine")
    tab_to(page, "[aria-label='Second review']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reviews/*")
    wait_until_open(page)
    assert sorted(paths(page)) == nines
    struck_out = paths(page)[:3]
    for _ in struck_out:
        page.keyboard.press("x")
        page.keyboard.press("ArrowRight")
    commit(page)
    expect(page.get_by_text("You have looked at everything that others accepted")).to_be_visible()

    page.goto("/pools/digits/disagreements")
    expect(page.get_by_role("cell", name="Ben")).to_be_visible()
    expect(page.get_by_text("3 are left")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog").get_by_text("skip this one")).to_be_visible()
    page.keyboard.press("Escape")
    first = page.get_by_role("figure").inner_text()
    page.keyboard.press("a")
    expect(page.get_by_text("2 are left")).to_be_visible()
    assert first in exported(server, pool="digits", class_name="nine")
    page.keyboard.press("z")
    expect(page.get_by_text("3 are left")).to_be_visible()
    assert page.get_by_role("figure").inner_text() == first
    page.keyboard.press("ArrowRight")
    for _ in range(2):
        page.keyboard.press("r")
    expect(page.get_by_text("1 is left")).to_be_visible()
    assert page.get_by_role("figure").inner_text() == first
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Nothing is in dispute")).to_be_visible()
    assert sorted(exported(server, pool="digits", class_name="nine")) == sorted({*nines} - {*struck_out} | {first})


def test_a_lead_who_was_overtaken_is_told_so_and_settles_it_otherwise_by_pressing_again(
    server: Server, page: Page, watch: Watch, nines: list[str]
) -> None:
    watch.refusals = 1
    _dispute(server, 2)
    page.goto("/pools/digits/disagreements")
    expect(page.get_by_text("2 are left")).to_be_visible()
    first, image = page.get_by_role("figure").inner_text(), _queue(server)[0]
    _send(server, f"{API}/classes/nine/settlements", {"images": [image], "verdict": "accept"})
    _say_that_ben_did_it(server)
    # The second key was meant for the picture after it.
    page.evaluate(PRESS_TWICE, "r")
    expect(
        page.get_by_role("alert").filter(has_text="Ben accepted it meanwhile, so nothing was stored")
    ).to_be_visible()
    assert page.get_by_role("figure").inner_text() == first
    expect(page.get_by_role("row", name="Ben accepted, as a settlement")).to_be_visible()
    expect(page.get_by_text("settled just now: accepted")).to_be_visible()
    expect(page.get_by_text("1 is left")).to_be_visible()
    assert first in exported(server, pool="digits", class_name="nine")
    page.keyboard.press("r")
    expect(page.get_by_text(f"rejected: {first}")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="meanwhile")).to_be_hidden()
    assert first not in exported(server, pool="digits", class_name="nine")


def test_the_last_one_is_settled_once_however_often_the_key_is_pressed(
    server: Server, page: Page, nines: list[str]
) -> None:
    _dispute(server, 2)
    page.goto("/pools/digits/disagreements")
    expect(page.get_by_text("2 are left")).to_be_visible()
    for _ in range(4):
        page.evaluate(PRESS_TWICE, "a")
    expect(page.get_by_role("heading", name="Nothing is in dispute")).to_be_visible()
    expect(page.get_by_role("figure")).to_be_hidden()
    # Whoever goes back to one and says the same again goes on.
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("settled just now: accepted")).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing is in dispute")).to_be_hidden()
    page.keyboard.press("a")
    expect(page.get_by_text("accepted already")).to_be_visible()
    expect(page.get_by_role("figure")).to_be_hidden()
    assert len(json.loads(server.get("/api/v1/journal?act=settlement"))["items"]) == 2
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 is left")).to_be_visible()
    expect(page.get_by_role("figure")).to_be_visible()


def test_it_says_that_other_classes_have_disagreements_only_where_they_have(
    server: Server, page: Page, nines: list[str]
) -> None:
    _send(server, f"{API}/classes", {"name": "four"})
    _dispute(server, 2)
    nothing, elsewhere = page.get_by_role("heading", name="Nothing is in dispute"), "Other classes have disagreements."
    page.goto("/pools/digits/disagreements?class=four")
    expect(nothing).to_be_visible()
    expect(page.get_by_text(elsewhere)).to_be_visible()
    page.goto("/pools/digits/disagreements")
    expect(page.get_by_text("2 are left")).to_be_visible()
    page.evaluate(PRESS_TWICE, "a")
    expect(nothing).to_be_visible()
    expect(page.get_by_text(elsewhere)).to_be_hidden()
    _dispute(server, 1)
    page.goto("/pools/digits/disagreements?class=nine")
    page.keyboard.press("r")
    expect(nothing).to_be_visible()
    expect(page.get_by_text(elsewhere)).to_be_hidden()


def test_another_rule_tells_what_it_made_of_the_labels(server: Server, page: Page, nines: list[str]) -> None:
    page.goto("/pools/digits/disagreements")
    expect(page.get_by_role("heading", name="Nothing is in dispute")).to_be_visible()
    page.get_by_text("The rule: latest wins").click()
    page.get_by_role("radio", name="Majority").check()
    page.get_by_role("spinbutton").fill("2")
    page.get_by_role("button", name="Change the rule").click()
    expect(page.get_by_role("row", name="before 12 0 0 0 0")).to_be_visible()
    expect(page.get_by_role("row", name="now 0 0 0 12 0")).to_be_visible()
    told = page.get_by_text("The rule: a majority of 2")
    expect(told).to_be_visible()
    page.reload()
    expect(told).to_be_visible()
    assert exported(server, pool="digits", class_name="nine") == []


def test_a_majority_of_nobody_knows_how_many_is_not_sent_and_an_old_message_goes(
    server: Server, page: Page, watch: Watch, nines: list[str]
) -> None:
    page.goto("/pools/digits/disagreements")
    page.get_by_text("The rule: latest wins").click()
    page.get_by_role("radio", name="Majority").check()
    of, change = page.get_by_role("spinbutton"), page.get_by_role("button", name="Change the rule")
    message = page.locator(".rule").get_by_role("alert")
    of.fill("2")
    watch.refusals = 1
    page.route("**/rule", lambda route: route.fulfill(status=422, json={"detail": "It cannot be.", "code": "invalid"}))
    change.click()
    expect(message).to_have_text("It cannot be.")
    for impossible in ("", "1", "2.5", "1000"):
        of.fill(impossible)
        expect(message).to_be_hidden()
        change.click()
        assert not of.evaluate("(of) => of.checkValidity()")
    expect(page.get_by_role("row", name="before")).to_be_hidden()
    # What is not asked for is not in the way.
    page.unroute("**/rule")
    page.get_by_role("radio", name="First wins").check()
    change.click()
    expect(page.get_by_text("The rule: first wins")).to_be_visible()


def test_whoever_has_nothing_to_look_at_is_told_so(server: Server, page: Page, watch: Watch) -> None:
    watch.refusals = 1
    _send(server, f"{API}/classes", {"name": "nine"})
    page.goto("/pools/digits/classes/nine")
    page.get_by_role("button", name="Second review").click()
    expect(page.get_by_role("alert").filter(has_text="Nobody else has accepted anything")).to_be_visible()


def _send(server: Server, path: str, body: dict[str, Any]) -> None:
    request = Request(server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        assert answer.status < 300


def _dispute(server: Server, count: int) -> None:
    """Reject some of the nines that Ben accepted."""
    images = json.loads(server.get(f"{API}/classes/nine/images?limit={count}"))["items"]
    body = {"images": [item["image"] for item in images], "verdict": "reject"}
    _send(server, f"{API}/classes/nine/verdicts", body)


def _queue(server: Server) -> list[str]:
    return [item["image"] for item in json.loads(server.get(f"{API}/disagreements"))["items"]]


def _say_that_ben_did_it(server: Server) -> None:
    """Let the latest that was stored be Ben's."""
    with closing(sqlite3.connect(server.home / "winnow.db")) as database, database:
        database.execute(
            "UPDATE \"commit\" SET person_id = (SELECT id FROM person WHERE name_key = 'ben')"
            ' WHERE id = (SELECT max(id) FROM "commit")'
        )
