"""Every request has an id; the log names it, and no secret."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from app.db import Database
from app.logs import JsonFormatter, TextFormatter, request_id
from app.main import create_app
from app.settings import Settings
from app.tables import Person
from tests.conftest import HERE, one_database
from tests.people import person


@one_database
def test_a_sane_id_is_kept_and_another_one_replaced(client: TestClient) -> None:
    assert client.get("/api/v1/pools", headers={"X-Request-ID": "proxy-0123"}).headers["X-Request-ID"] == "proxy-0123"
    for odd in ("short", "a b c d e f g h", "x" * 500, '{"level": "error"}'):
        made = client.get("/api/v1/pools", headers={"X-Request-ID": odd}).headers["X-Request-ID"]
        assert made != odd
        assert len(made) == 16


@one_database
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_an_error_that_nobody_expected_is_found_by_the_id_of_its_request(
    settings: Settings, caplog: pytest.LogCaptureFixture, accept: str
) -> None:
    app = create_app(settings)
    with TestClient(app, base_url="http://localhost", client=HERE, raise_server_exceptions=False) as client:
        app.state.database = None
        answer = client.get("/", headers={"X-Request-ID": "proxy-0123", "Accept": accept})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (500, "proxy-0123")
    assert "under the reference proxy-0123" in answer.text
    assert "NoneType" not in answer.text
    assert any("Reference proxy-0123" in record.getMessage() for record in caplog.records)


@one_database
def test_an_address_cannot_speak_to_the_terminal_that_shows_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings)
    with TestClient(app, base_url="http://localhost", client=HERE, raise_server_exceptions=False) as client:
        app.state.database = None
        assert client.get("/pools/%1b[31mred").status_code == 500
    (told,) = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Reference")]
    assert told.isprintable()
    assert r"'/pools/\x1b[31mred'" in told


@one_database
def test_a_line_tells_of_a_request_and_of_no_secret(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "winnow.requests")
    headers = {"Authorization": "Basic s3cret", "Cookie": "winnow=s3cret", "X-Request-ID": "proxy-0123"}
    wanted = settings.model_copy(update={"log_requests": True})
    with TestClient(create_app(wanted), base_url="http://localhost", client=HERE) as client:
        client.get("/api/v1/pools/s3cret?token=s3cret", headers=headers)
    (record,) = [record for record in caplog.records if record.name == "winnow.requests"]
    request_id.set("proxy-0123")
    line = JsonFormatter().format(record)
    content = json.loads(line)
    told = {name: content[name] for name in ("method", "route", "status", "request", "person", "level")}
    assert told == {
        "method": "GET",
        "route": "/api/v1/pools/{pool}",
        "status": 404,
        "request": "proxy-0123",
        "person": 1,
        "level": "info",
    }
    assert content["milliseconds"] >= 0
    text = TextFormatter().format(record)
    assert "GET /api/v1/pools/{pool} 404 in" in text
    assert text.endswith("[proxy-0123]")
    assert "s3cret" not in line + text


@one_database
@pytest.mark.parametrize(
    "method, address, told",
    [
        ("PUT", "/api/v1/pools/birds/members/ada", "PUT /api/v1/pools/{pool}/members/{person}"),
        ("GET", f"/api/v1/images/{64 * '0'}/file", "GET /api/v1/images/{id}/file"),
        ("GET", "/static/css/none.css", "GET /static/{path:path}"),
        ("MADE-UP", "/nowhere", "MADE-UP -"),
    ],
)
def test_a_route_is_told_by_its_whole_address_whoever_is_refused(
    settings: Settings, database: Database, caplog: pytest.LogCaptureFixture, method: str, address: str, told: str
) -> None:
    caplog.set_level(logging.INFO, "winnow.requests")
    wanted = settings.model_copy(update={"log_requests": True})
    with TestClient(create_app(wanted), base_url="http://localhost", client=HERE) as client:
        for status in (404, 404 if "static" in address or told.endswith("-") else 401):
            assert client.request(method, address, json={"role": "lead"}).status_code == status
            assert f"{told} {status} in" in caplog.records[-1].getMessage()
            # From now on, people have to log in.
            person(database, "Ada", admin=True)
            with database.write() as session:
                session.execute(update(Person).where(Person.admin).values(password_hash="none that fits"))


def test_an_error_is_a_member_of_its_line() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "It %s.", ("broke",), None)
        record.exc_info = sys.exc_info()
    content = json.loads(JsonFormatter().format(record))
    assert content["message"] == "It broke."
    assert "ValueError: no" in content["error"]
