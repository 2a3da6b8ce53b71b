"""Two people on one class, each in a browser of their own."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from playwright.sync_api import Page, expect

from tests.browser.annotator import begin_review, commit, exported, paths, wait_until_open
from tests.browser.conftest import NewPage
from tests.browser.server import Server
from tests.browser.watched import Watch

ADA = 1000


def test_two_people_on_one_class_share_no_tile_and_see_each_other_and_a_late_commit_is_told_apart(
    server: Server, new_page: NewPage, watch: Watch
) -> None:
    # Both make the class; the second one is told that it is there.
    watch.refusals = 1
    mine, hers = new_page(server), new_page(server)
    begin_review(mine, pool="digits", class_name="five", path="5/")
    begin_review(hers, pool="digits", class_name="five", path="5/")
    _let_it_be_ada(server, hers)
    assert not set(paths(mine)) & set(paths(hers))

    # Her progress, within seconds: beside the grid, and on the page of the pool.
    expect(mine.get_by_text("Ada is labelling this class too.")).to_be_visible()
    count = len(paths(hers))
    commit(hers)
    expect(mine.get_by_text(f"Ada is labelling this class too: 1 page, {count} accepted")).to_be_visible()
    expect(mine.get_by_title("Labels of this class so far")).to_contain_text(f"{count} accepted")
    pool = new_page(server)
    pool.goto("/pools/digits")
    expect(pool.get_by_text("Ada at work", exact=True)).to_be_visible()
    commit(hers)
    stored = len(exported(server, pool="digits", class_name="five"))
    expect(pool.get_by_role("link", name=f"Labels of five: {stored} accepted")).to_be_visible()

    # A page that lies alone for long: its pictures go to Ada, who decides them first.
    before = paths(mine)
    _run_out(server)
    while not set(paths(hers)) & set(before):
        commit(hers)
    decided = set(paths(hers)) & set(before)
    commit(hers)
    with closing(sqlite3.connect(server.home / "winnow.db")) as database, database:
        database.execute('UPDATE "commit" SET person_id = ? WHERE review_id = ?', (ADA, _review(hers)))
    commit(mine)
    note = mine.get_by_role("status").filter(has_text="others decided some of it")
    expect(note).to_contain_text(f"Ada accepted {len(decided)}.")
    expect(note.get_by_role("img")).to_have_count(len(decided))
    expect(mine.get_by_text(f"{len(before) - len(decided)} stored, {len(decided)} decided by others")).to_be_visible()
    assert set(before) <= set(exported(server, pool="digits", class_name="five"))


def test_a_page_is_kept_for_whoever_works_on_it_and_not_because_it_is_open(server: Server, page: Page) -> None:
    renewed: list[str] = []
    page.on("request", lambda request: renewed.append(request.url) if request.url.endswith("/lease") else None)
    begin_review(page, pool="digits", class_name="five", path="5/")
    page.clock.install()
    page.reload()
    wait_until_open(page)
    page.mouse.move(300, 300)
    page.clock.fast_forward("09:00")
    assert renewed == []
    with page.expect_response("**/lease") as answer:
        page.mouse.move(400, 400)
    assert answer.value.json()["leased_for"] > 0


def _let_it_be_ada(server: Server, page: Page) -> None:
    """Let a review be somebody else's."""
    with closing(sqlite3.connect(server.home / "winnow.db")) as database, database:
        database.execute(
            "INSERT INTO person (id, name, name_key, admin, created_at) VALUES (?, 'Ada', 'ada', 0, '2026-01-01')",
            (ADA,),
        )
        database.execute("UPDATE review SET person_id = ? WHERE id = ?", (ADA, _review(page)))


def _run_out(server: Server) -> None:
    """Let all leases run out."""
    with closing(sqlite3.connect(server.home / "winnow.db")) as database, database:
        database.execute("UPDATE page SET leased_until = '2026-01-01 00:00:00.000000' WHERE leased_until IS NOT NULL")


def _review(page: Page) -> int:
    return int(page.url.rpartition("/")[2])
