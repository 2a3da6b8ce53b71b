"""Whether it would be noticed that a page asks another host."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.watched import ELSEWHERE, Watch


@pytest.mark.parametrize("host", ["elsewhere.example", "192.0.2.1"])
@pytest.mark.parametrize(
    "wanted",
    [
        "<img src='http://{host}/'>",
        "<script>fetch('http://{host}/').catch(() => 0)</script>",
        "<script>navigator.sendBeacon('http://{host}/', '')</script>",
    ],
    ids=["picture", "fetch", "beacon"],
)
def test_what_a_page_wants_from_another_host_is_complained_of(page: Page, watch: Watch, wanted: str, host: str) -> None:
    watch.connection_fails = True
    with page.expect_console_message():
        # Where no policy stands in its way: the page is none of the server's.
        page.set_content(wanted.format(host=host))
    (complaint,) = watch.complaints
    assert ELSEWHERE in complaint
    watch.complaints.clear()
