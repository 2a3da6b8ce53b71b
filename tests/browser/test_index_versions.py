"""An engineer reindexes with another encoder, compares, serves and goes back, while an annotator's review goes on."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ml.artifacts import EncoderManifest
from tests.browser.annotator import commit, open_review, paths, strike_out
from tests.browser.conftest import NewPage
from tests.browser.server import Server
from tests.browser.test_pretraining import press
from tests.browser.watched import Watch
from tests.ml.colour_grid import FOLDER as QUICK_ENCODER

SOON_MS = 120_000


@pytest.fixture
def server(server: Server) -> Iterator[Server]:
    """A server with the pool “digits” and a second encoder."""
    another = server.home / "encoders" / "another-grid"
    shutil.copytree(QUICK_ENCODER, another)
    replace(EncoderManifest.read(QUICK_ENCODER), name=another.name).write(another)
    yield server
    shutil.rmtree(another)


def test_another_encoder_is_tried_compared_served_and_left_again(server: Server, new_page: NewPage) -> None:
    annotator, engineer = new_page(server), new_page(server)
    open_review(annotator, pool="digits", class_name="three", path="3/")
    strike_out(annotator, keep="3/")
    commit(annotator)
    review = int(annotator.url.rpartition("/")[2])
    first = asked(server, "/api/v1/pools/digits/served")["index_version"]["id"]

    engineer.goto("/pools/digits/encoders")
    expect(engineer.locator(f"#version-{first}")).to_contain_text("served")
    expect(engineer.locator(f"#version-{first}")).to_contain_text("1 review keeps to it")
    press(engineer, "#reindex-another-grid")
    wait_until_done(engineer)
    expect(engineer.get_by_text("was not served at once")).to_be_visible()
    engineer.get_by_text("The command that repeats it").click()
    expect(engineer.get_by_label("Command", exact=True)).to_have_text("winnow reindex --encoder another-grid -- digits")
    engineer.get_by_role("link", name="Compare the two").click()
    engineer.wait_for_url("**/encoders")
    (second,) = {item["id"] for item in asked(server, "/api/v1/pools/digits/index-versions")["items"]} - {first}
    expect(engineer.locator(f"#version-{second}")).to_contain_text("candidate")
    expect(engineer.locator(f"#version-{second}")).to_contain_text("100 of 100 found themselves")

    press(engineer, f"#compare-{second}")
    wait_until_done(engineer)
    expect(engineer.locator("#outcome")).to_contain_text("The past review would have", timeout=SOON_MS)
    expect(engineer.get_by_role("row", name="Rejects in 1 past review")).to_be_visible()
    with engineer.expect_response(lambda answer: answer.request.method == "PUT" and answer.url.endswith("/served")):
        press(engineer, f"#serve-{second}")
    expect(engineer.locator(f"#serve-{second}")).to_be_disabled(timeout=SOON_MS)
    assert asked(server, "/api/v1/pools/digits/served")["index_version"]["id"] == second

    # The annotator notices nothing, and goes on where the review began.
    assert asked(server, f"/api/v1/reviews/{review}")["index_version"] == first
    strike_out(annotator, keep="3/")
    commit(annotator)
    assert paths(annotator)
    assert asked(server, f"/api/v1/reviews/{review}")["index_version"] == first

    engineer.goto("/pools/digits/encoders")
    press(engineer, f"#serve-{first}")
    expect(engineer.locator(f"#version-{first} .badge")).to_have_text("served", timeout=SOON_MS)
    press(engineer, f"#remove-{second}")
    expect(engineer.locator(f"#version-{second}")).to_have_count(0, timeout=SOON_MS)
    engineer.goto("/pools/digits/jobs")
    expect(engineer.get_by_role("link", name="Comparison")).to_be_visible()
    expect(engineer.get_by_role("link", name="Index", exact=True)).to_have_count(2)


def test_a_second_click_is_told_of_the_first_ones_job_and_led_to_it(server: Server, page: Page, watch: Watch) -> None:
    page.goto("/pools/digits/encoders")
    # Somebody else's, that stays where it is.
    with closing(sqlite3.connect(server.home / "winnow.db")) as database, database:
        database.execute("UPDATE job SET state = 'running', lease_until = '2999-01-01' WHERE kind = 'reindex'")
        (job,) = database.execute("SELECT id FROM job WHERE kind = 'reindex'").fetchone()
    watch.refusals = 1
    press(page, "#reindex-colour-grid")
    expect(page.get_by_role("alert")).to_have_text(f"A reindex of this pool is already running: job {job}.")
    expect(page.get_by_role("link", name=f"job {job}", exact=True)).to_be_visible()
    press(page, "[role=alert] a")
    page.wait_for_url(f"**/jobs/{job}")
    expect(page.get_by_role("heading", name="Index of digits")).to_be_visible()


def test_the_pages_fit_a_phone(server: Server, new_page: NewPage) -> None:
    page = new_page(server, phone=True)
    for path in ("/pools/digits/encoders", "/jobs", "/jobs/1"):
        page.goto(path)
        for more in page.locator("summary").all():
            more.click()
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path


def wait_until_done(page: Page) -> None:
    page.wait_for_url("**/jobs/*")
    expect(page.locator("[data-job-target=phase]")).to_have_text("is done", timeout=SOON_MS)


def asked(server: Server, path: str) -> Any:
    return json.loads(server.get(path))
