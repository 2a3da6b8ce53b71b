"""Somebody who labels with the keyboard alone and knows by a picture's folder what it shows."""

from __future__ import annotations

import csv
import io
import re

from playwright.sync_api import Page, expect

from tests.browser.server import Server

CREATE_CLASS = "#new-class"


def log_in(page: Page, name: str, password: str) -> None:
    """Fill in the page that asks for a name and a password, and wait for another one."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/log-in" not in url)


def begin_review(page: Page, *, pool: str, class_name: str, path: str) -> None:
    """From the pool's page to an open page of a review, with the keyboard alone."""
    page.goto(f"/pools/{pool}")
    tab_to(page, CREATE_CLASS)
    page.keyboard.type(class_name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name=class_name)).to_be_checked()
    tab_to(page, "input[type=search]")
    page.keyboard.type(path)
    expect(page.locator(".grid .tile").first).to_have_attribute("data-path", re.compile(re.escape(path)))
    tab_to(page, ".grid .tile")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reviews/*")
    wait_until_open(page)


def open_review(page: Page, *, pool: str, class_name: str, path: str) -> None:
    """An open page of a new review, at its address: for all who do not ask how one gets there."""
    page.goto(f"/reviews/{start_review(page, pool=pool, class_name=class_name, path=path)}")
    wait_until_open(page)


def start_review(page: Page, *, pool: str, class_name: str, path: str) -> int:
    """Start a review of a new class by the API; return its number."""
    api = f"/api/v1/pools/{pool}"
    make_class(page, pool=pool, name=class_name)
    (image,) = page.request.get(f"{api}/images", params={"limit": 1, "path": path}).json()["items"]
    wanted = {"class": class_name, "query": {"images": [image["id"]]}}
    review: int = page.request.post(f"{api}/reviews", data=wanted).json()["id"]
    return review


def store_page(page: Page, review: int, *, rejected: int = 0) -> list[str]:
    """Commit the next 30 of a review by the API, with the first ones rejected; return the paths, in their order."""
    shown = page.request.post(f"/api/v1/reviews/{review}/pages", data={"size": 30, "plant": False}).json()
    struck_out = [candidate["image"] for candidate in shown["candidates"][:rejected]]
    assert page.request.post(f"/api/v1/pages/{shown['id']}/commit", data={"rejected": struck_out}).ok
    return [candidate["path"].removeprefix("./") for candidate in shown["candidates"]]


def make_class(page: Page, *, pool: str, name: str) -> None:
    """A new class, without a page."""
    assert page.request.post(f"/api/v1/pools/{pool}/classes", data={"name": name}).ok


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element that matches has the focus."""
    for _ in range(80):
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}.")


def wait_until_open(page: Page) -> None:
    """Wait for a page that can be marked."""
    page.wait_for_selector("main[data-state=open] .tile")


def paths(page: Page) -> list[str]:
    """Return the paths of the tiles, in the order shown."""
    found: list[str] = page.evaluate("[...document.querySelectorAll('.grid .tile')].map(tile => tile.dataset.path)")
    return found


def verdicts(page: Page) -> list[str]:
    """Return the verdicts of the tiles, in the order shown."""
    found: list[str] = page.evaluate("[...document.querySelectorAll('.grid .tile')].map(tile => tile.dataset.verdict)")
    return found


def strike_out(page: Page, *, keep: str) -> set[str]:
    """Reject every tile whose path does not begin with `keep`; return the paths that stay accepted.

    Where most are wrong, all are inverted first and the right ones taken back.
    """
    right = [path.startswith(keep) for path in paths(page)]
    inverted = right.count(False) > len(right) / 2
    if inverted:
        page.keyboard.press("i")
    go_to(page, 0)
    for number, is_right in enumerate(right):
        if is_right == inverted:
            go_to(page, number)
            page.keyboard.press("x")
    assert verdicts(page) == ["accept" if is_right else "reject" for is_right in right]
    return {path for path, is_right in zip(paths(page), right, strict=True) if is_right}


def go_to(page: Page, number: int) -> None:
    """Move the cursor to a tile, down or up first, then along the row."""
    cursor = page.evaluate("[...document.querySelectorAll('.grid .tile')].findIndex(tile => 'cursor' in tile.dataset)")
    columns = int(page.locator(".grid").get_attribute("data-columns") or 1)
    rows = number // columns - cursor // columns
    along = number % columns - cursor % columns
    for _ in range(abs(along)):
        page.keyboard.press("ArrowRight" if along > 0 else "ArrowLeft")
    for _ in range(abs(rows)):
        page.keyboard.press("ArrowDown" if rows > 0 else "ArrowUp")


def commit(page: Page) -> None:
    """Press Enter and wait for another page."""
    before = paths(page)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(before) => document.querySelector('main').dataset.state === 'finished'"
        " || (document.querySelector('main').dataset.state === 'open'"
        " && document.querySelector('.grid .tile').dataset.path !== before)",
        arg=before[0],
    )


def exported(server: Server, *, pool: str, class_name: str) -> list[str]:
    """Return the paths in the CSV export, without their leading “./”."""
    rows = csv.DictReader(io.StringIO(server.get(f"/api/v1/pools/{pool}/labels.csv?class={class_name}")))
    return [row["path"].removeprefix("./") for row in rows]
