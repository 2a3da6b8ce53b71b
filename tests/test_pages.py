"""How pages and errors are told to people and to programs."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from app import pages
from app.errors import Conflict
from app.pages import install, url

BROWSER = {"Accept": "text/html,application/xhtml+xml"}


class TeapotBusy(Conflict):
    """The teapot is being filled; come back in a minute."""


@pytest.fixture
def small() -> TestClient:
    """An app with nothing but the handlers, the static files and some ways to fail."""
    app = FastAPI()
    install(app)

    @app.get("/busy")
    @app.get("/api/v1/busy")
    def busy() -> None:
        raise TeapotBusy

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret: /srv/password")

    @app.get("/numbers")
    def numbers(count: int) -> int:
        return count

    @app.get("/where")
    def where(request: Request) -> str:
        return url(request, "pools", "my cats? & dogs/ü", verdict="accept", after=None)

    return TestClient(app, raise_server_exceptions=False)


def test_a_program_gets_problem_json_with_a_sentence_and_a_code(small: TestClient) -> None:
    answer = small.get("/busy")
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "The teapot is being filled; come back in a minute.",
        "code": "teapot-busy",
    }


def test_a_browser_gets_a_page_with_the_same_sentence(small: TestClient) -> None:
    answer = small.get("/busy", headers=BROWSER)
    assert answer.status_code == 409
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "The teapot is being filled; come back in a minute." in answer.text


def test_the_api_answers_a_browser_with_json_too(small: TestClient) -> None:
    assert small.get("/api/v1/busy", headers=BROWSER).json()["code"] == "teapot-busy"


@pytest.mark.parametrize("headers", [{}, BROWSER], ids=["program", "browser"])
def test_an_unknown_error_tells_a_reference_and_nothing_else(
    small: TestClient, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = small.get("/broken", headers=headers)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    reference = caplog.records[0].getMessage().split()[1].strip(":")
    assert reference in answer.text


def test_a_request_that_does_not_fit_names_each_fault(small: TestClient) -> None:
    answer = small.get("/numbers?count=many")
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == ["count"]
    assert "count" in answer.json()["detail"]


def test_an_address_where_nothing_is_says_so(small: TestClient) -> None:
    assert small.get("/nowhere").json()["detail"] == "There is nothing at this address."
    assert "There is nothing at this address." in small.get("/nowhere", headers=BROWSER).text


def test_addresses_are_quoted_and_stay_below_the_prefix_of_a_proxy(small: TestClient) -> None:
    quoted = "/pools/my%20cats%3F%20%26%20dogs%2F%C3%BC?verdict=accept"
    assert small.get("/where").json() == quoted
    prefixed = TestClient(small.app, root_path="/winnow")
    assert prefixed.get("/where").json() == f"/winnow{quoted}"


@pytest.mark.parametrize("root_path", ["", "/winnow"])
def test_a_static_file_that_is_not_there_is_told_by_a_page_with_all_that_belongs_to_it(
    root_path: str, small: TestClient
) -> None:
    client = TestClient(small.app, root_path=root_path)
    told, elsewhere = (client.get(address, headers=BROWSER).text for address in ("/static/js/nothing.js", "/nothing"))
    assert told == elsewhere
    assert f'src="{root_path}/static/{pages._marked().mark}/js/app.js"' in told


def test_static_files_are_kept_by_addresses_that_change_with_them(small: TestClient) -> None:
    script = re.search(r'src="(/static/[0-9a-f]{12}/js/app\.js)"', small.get("/nowhere", headers=BROWSER).text)
    assert script is not None
    kept = small.get(script[1])
    assert "immutable" in kept.headers["Cache-Control"]
    # Without a mark, and by that of another version, they are asked about each time but sent once.
    for address in ("/static/js/app.js", "/static/0123456789ab/js/app.js"):
        first = small.get(address)
        assert (first.headers["Cache-Control"], first.content) == ("no-cache", kept.content)
        again = small.get(address, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.headers["Cache-Control"]) == (304, "no-cache")
    for address in ("/static/0123456789ab", "/static/0123456789ab/../../pyproject.toml", f"{script[1]}x"):
        assert small.get(address).status_code == 404


def test_the_mark_of_static_files_is_that_of_their_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mark(name: str, content: str) -> str:
        place = tmp_path / f"{name} {content}"
        place.mkdir(exist_ok=True)
        (place / name).write_text(content)
        monkeypatch.setattr(pages, "STATIC", place)
        return pages._marked.__wrapped__().mark

    assert mark("a.js", "one") == mark("a.js", "one")
    assert len({mark("a.js", "one"), mark("a.js", "two"), mark("b.js", "one")}) == 3


def test_a_static_file_that_was_replaced_under_a_running_server_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, added = tmp_path / "js" / "a.js", tmp_path / "js" / "b.js"
    script.parent.mkdir()
    script.write_text("one")
    before = script.stat()
    monkeypatch.setattr(pages, "STATIC", tmp_path)
    monkeypatch.setattr(pages, "_marked", cache(pages._marked.__wrapped__))
    app = FastAPI()
    install(app)
    client = TestClient(app)
    mark = pages._marked().mark

    def kept(name: str = "a.js", **headers: str) -> bool:
        answer = client.get(f"/static/{mark}/js/{name}", headers=headers)
        assert answer.status_code == (304 if headers else 200)
        return {"public, max-age=31536000, immutable": True, "no-cache": False}[answer.headers["Cache-Control"]]

    assert kept()
    script.write_text("two")
    os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
    added.write_text("new")
    tag = client.get("/static/js/a.js").headers["ETag"]
    assert (kept(), kept(**{"If-None-Match": tag}), kept("b.js")) == (False, False, False)
    # As it was: a return to the version that runs.
    script.write_text("one")
    os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert kept()


def test_no_template_holds_inline_scripts_styles_or_addresses_that_a_prefix_would_break() -> None:
    templates = Path(__file__).resolve().parent.parent / "templates"
    for template in templates.rglob("*.html"):
        text = template.read_text()
        for forbidden in (" style=", " onclick=", "<style", "javascript:", 'href="/', 'src="/', "https://", "http://"):
            assert forbidden not in text, f"{forbidden} in {template.name}"


def test_every_stylesheet_and_controller_is_used() -> None:
    root = Path(__file__).resolve().parent.parent
    base = (root / "templates" / "base.html").read_text()
    sheets = {str(sheet.relative_to(root / "static/css").with_suffix("")) for sheet in root.glob("static/css/**/*.css")}
    assert all(f"'{sheet}'" in base for sheet in sheets)
    registered = (root / "static/js/app.js").read_text()
    assert all(script.name in registered for script in (root / "static/js/controllers").iterdir())
