"""Two people on one class, each logged in in a browser of their own."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from contextlib import closing
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.annotator import begin_review, commit, log_in, open_review, paths, wait_until_open
from tests.browser.conftest import NewPage
from tests.browser.server import Server
from tests.browser.watched import Watch

PASSWORD = "a correct horse"

# Begins reviews, and has all that is left shown in them.
TAKE_ALL = """async () => {
  const send = async (path, body) => (await fetch(`/api/v1/${path}`, {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  })).json();
  for (let page = {id: 1}; page.id; ) {
    const review = await send("pools/digits/reviews", {class: "five", query: {labelled: true}});
    page = await send(`reviews/${review.id}/pages`, {size: 500, plant: false});
  }
}"""


def test_two_people_label_one_class_while_another_index_is_served_under_them(
    server: Server, new_page: NewPage, watch: Watch
) -> None:
    # Both make the class; the second one is told that it is there.
    watch.refusals = 1
    server.run("user", "add", "Root", "--admin", typed=PASSWORD)
    for name in ("Ada", "Ben"):
        server.run("user", "add", name, "--pool", "digits", "--role", "lead", typed=PASSWORD)
    ben, ada = new_page(server), new_page(server)
    for page, name in ((ben, "Ben"), (ada, "Ada")):
        page.goto("/")
        log_in(page, name, PASSWORD)
        begin_review(page, pool="digits", class_name="five", path="5/")
    assert not set(paths(ben)) & set(paths(ada))

    # Her progress, within seconds: beside the grid, and on the page of the pool.
    expect(ben.get_by_text("Ada is labelling this class too.")).to_be_visible()
    count = len(paths(ada))
    commit(ada)
    expect(ben.get_by_text(f"Ada is labelling this class too: 1 page, {count} accepted")).to_be_visible()
    expect(ben.get_by_title("Labels of this class so far")).to_contain_text(f"{count} accepted")
    pool = ben.context.new_page()
    pool.goto("/pools/digits")
    expect(pool.get_by_text("Ada at work", exact=True)).to_be_visible()

    # An engineer reindexes, and the new version is served under both: neither notices.
    began_with = _review(ben)["index_version"]
    server.run("reindex", "digits")
    assert _review(ben)["served_version"] != began_with
    for page in (ben, ada):
        commit(page)
        assert not set(paths(ben)) & set(paths(ada))
        assert _review(page)["index_version"] == began_with
    stored = _stored(server)
    assert len(stored) == len(set(stored)) == _review(ben)["labels"]["accepted"]
    expect(pool.get_by_role("link", name=f"Labels of five: {len(stored)} accepted")).to_be_visible()

    # Ben moves over with all his verdicts. His browser then looks ahead, which is the last that he does for his page.
    with ben.expect_response("**/ahead"):
        ben.keyboard.press("v")
    expect(ben.get_by_text("Moved to the index served now")).to_be_visible()
    assert _review(ben)["index_version"] == _review(ben)["served_version"]
    assert _stored(server) == stored
    assert not set(paths(ben)) & {*stored, *paths(ada)}

    # A page that lies alone for long: its pictures go to Ada, who begins from one of them and decides them first.
    before = paths(ben)
    image = ben.locator(".grid .tile").first.get_attribute("data-image")
    _run_out(server)
    wanted = {"class": "five", "query": {"images": [image]}}
    ada.goto(f"/reviews/{ada.request.post('/api/v1/pools/digits/reviews', data=wanted).json()['id']}")
    wait_until_open(ada)
    decided = set(paths(ada)) & set(before)
    assert decided
    commit(ada)
    commit(ben)
    note = ben.get_by_role("status").filter(has_text="others decided some of it")
    expect(note).to_contain_text(f"Ada accepted {len(decided)}.")
    expect(note.get_by_role("img")).to_have_count(len(decided))
    expect(ben.get_by_text(f"{len(before) - len(decided)} stored, {len(decided)} decided by others")).to_be_visible()
    _see_on_a_small_window_what_others_decided(ben)
    stored = _stored(server)
    assert len(stored) == len(set(stored))
    assert set(before) <= set(stored)

    # All that is left is hers just now: he is told so, and one thing to do stands out.
    ada.evaluate(TAKE_ALL)
    ben.keyboard.press("Enter")
    expect(ben.get_by_text("What is left is being looked at by others")).to_be_visible()
    expect(ben.get_by_role("heading", name="Others are looking at the rest")).to_be_visible()
    expect(ben.locator(".finished .button--primary:visible")).to_have_text("Try again")
    second_look = ben.locator(".finished").get_by_role("button", name="Second look")
    expect(second_look).to_be_visible()
    # She is one person, however many reviews of the class she has.
    ben.reload()
    expect(ben.locator("[data-company-target=people]")).to_have_text(re.compile(r"^Ada [^.]* in the last hour\.$"))
    # In a review that has decided nothing there is nothing to look at once more.
    wanted = {"class": "five", "query": {"labelled": True}}
    ben.goto(f"/reviews/{ben.request.post('/api/v1/pools/digits/reviews', data=wanted).json()['id']}")
    expect(ben.get_by_role("heading", name="Others are looking at the rest")).to_be_visible()
    expect(second_look).to_be_hidden()
    # Of a second review it is read whole what was stored, however long the bar says what it is.
    wanted = {"class": "five", "kind": "second"}
    ben.goto(f"/reviews/{ben.request.post('/api/v1/pools/digits/reviews', data=wanted).json()['id']}")
    wait_until_open(ben)
    commit(ben)
    said = ben.locator(".state > span")
    expect(said).to_have_text(re.compile(r"^\d+ stored$"))
    assert said.evaluate("said => said.scrollWidth <= said.clientWidth")

    # Her review is hers to go on with: he sees what she stored, and the way to one of his own.
    ben.goto(ada.url)
    expect(ben.get_by_text("Only Ada goes on with this review")).to_be_visible()
    ben.get_by_role("link", name="Page 1", exact=True).click()
    expect(ben.get_by_role("heading", name="Page 1 of “five”")).to_be_visible()


def test_a_page_is_kept_for_whoever_works_on_it_and_not_because_it_is_open(server: Server, page: Page) -> None:
    renewed: list[str] = []
    page.on("request", lambda request: renewed.append(request.url) if request.url.endswith("/lease") else None)
    open_review(page, pool="digits", class_name="five", path="5/")
    page.clock.install()
    page.reload()
    wait_until_open(page)
    page.mouse.move(300, 300)
    page.clock.fast_forward("09:00")
    assert renewed == []
    with page.expect_response("**/lease") as answer:
        page.mouse.move(400, 400)
    assert answer.value.json()["leased_for"] > 0


def _see_on_a_small_window_what_others_decided(page: Page) -> None:
    """See that it does not fade there until the outlook is opened, which tells who they were."""
    large = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    said = page.get_by_text("decided by others")
    assert said.evaluate("said => getComputedStyle(said).animationName") == "none"
    page.get_by_role("button", name="Outlook: what others decided").click()
    expect(page.get_by_text("others decided some of it")).to_be_visible()
    expect(said).to_be_hidden()
    page.get_by_role("button", name="Outlook", exact=True).click()
    page.set_viewport_size(large)


def _stored(server: Server) -> list[str]:
    """Return the paths that carry the label, in the order stored."""
    rows = csv.DictReader(io.StringIO(server.run("export", "digits", "--class", "five")))
    return [row["path"].removeprefix("./") for row in rows]


def _review(page: Page) -> dict[str, Any]:
    """Return a page's review as the API tells it."""
    answer: dict[str, Any] = page.request.get(f"/api/v1/reviews/{page.url.rpartition('/')[2]}").json()
    return answer


def _run_out(server: Server) -> None:
    """Let all leases run out."""
    with closing(sqlite3.connect(server.home / "winnow.db")) as database, database:
        database.execute("UPDATE page SET leased_until = '2026-01-01 00:00:00.000000' WHERE leased_until IS NOT NULL")
