"""The gate: who may ask, as seen from outside."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from tests.conftest import one_database

pytestmark = one_database

FORM = {"name": "birds"}


def test_a_foreign_host_name_is_turned_away(client: TestClient) -> None:
    answer = client.get("/api/v1/pools", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "WINNOW_ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "status", "sentence"),
    [
        ({"Host": "evil.example"}, 421, "add it to WINNOW_ALLOWED_HOSTS"),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"}, 403, "open it in a tab of its own"),
    ],
)
def test_a_browser_is_turned_away_by_a_page_that_leads_nowhere(
    headers: dict[str, str], status: int, sentence: str, client: TestClient
) -> None:
    answer = client.get("/pools/birds", headers={"Accept": "text/html", **headers})
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert sentence in answer.text
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    for leads in ("href", "src", "action", "evil.example"):
        assert leads not in answer.text
    told = client.get("/api/v1/pools", headers={"Accept": "text/html", **headers})
    assert told.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_loopback_names_are_let_in(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/pools", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_site_cannot_change_anything(client: TestClient, headers: dict[str, str]) -> None:
    refused = client.post("/api/v1/pools", json=FORM, headers=headers)
    assert refused.status_code == 403
    assert client.get("/api/v1/pools").json()["items"] == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_can_lead_here_and_load_nothing(client: TestClient, site: str) -> None:
    # An export by a picture's address was written down as what the person did whose browser loaded it.
    client.post("/api/v1/pools", json=FORM)
    export = "/api/v1/pools/birds/labels.csv"
    for mode, of in (("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe")):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": of}
        refused = client.get(export, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "foreign-page")
    acts = [entry["act"] for entry in client.get("/api/v1/journal").json()["items"]]
    assert acts == ["make-pool"]
    followed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
    assert client.get("/pools/birds", headers=followed).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
def test_the_own_pages_and_scripts_can(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/api/v1/pools", json=FORM, headers=headers).status_code == 201


def test_every_answer_forbids_inline_scripts_and_framing(client: TestClient) -> None:
    policy = client.get("/api/v1/health").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_an_answer_that_nobody_foresaw_has_the_same_headers(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(client.app.state, "encoders")  # type: ignore[attr-defined]
    monkeypatch.delattr(client.app.state, "settings")  # type: ignore[attr-defined]
    answer = client.get("/api/v1/encoders")
    assert answer.status_code == 500
    for header in ("Content-Security-Policy", "X-Content-Type-Options", "Cross-Origin-Resource-Policy"):
        assert header in answer.headers


def test_a_web_socket_is_refused_in_a_sentence(client: TestClient) -> None:
    # It used to be an error that nobody foresaw, with its trace in the log, for anybody who asked.
    asked = client.websocket_connect("/api/v1/pools", headers={"Host": "localhost"})
    with pytest.raises(WebSocketDenialResponse) as refused, asked:
        pass
    assert (refused.value.status_code, refused.value.json()["code"]) == (404, "no-web-sockets")


def test_a_body_that_does_not_say_its_length_is_not_read(client: TestClient) -> None:
    answer = client.post("/api/v1/pools", content=iter([b'{"name": "birds"}']))
    assert answer.status_code == 411


@pytest.mark.parametrize(
    ("path", "kind", "size", "sentence"),
    [
        ("/api/v1/pools/birds/reviews", "multipart/form-data; boundary=b", 33_700_000, "WINNOW_MAX_UPLOAD_BYTES"),
        ("/api/v1/pools/birds/reviews", "application/json", 1_048_577, "1,048,576 bytes"),
        ("/api/v1/pools", "text/plain", 1_048_577, "1,048,576 bytes"),
        ("/api/v1/pools", "multipart/form-data; boundary=b", 1_048_577, "1,048,576 bytes"),
        ("/api/v1/log-in", "application/json", 16_385, "16,384 bytes"),
        ("/log-in", "multipart/form-data; boundary=b", 16_385, "16,384 bytes"),
    ],
)
def test_a_body_that_is_too_large_is_not_read(
    path: str, kind: str, size: int, sentence: str, client: TestClient
) -> None:
    read = False

    def body() -> Iterator[bytes]:
        nonlocal read
        read = True
        yield b"0" * size

    headers = {"Content-Type": kind, "Content-Length": str(size)}
    answer = client.post(path, content=body(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert sentence in answer.json()["detail"]
    assert not read


def test_a_body_that_is_just_small_enough_is_read(client: TestClient) -> None:
    name = "x" * (1024 * 1024 - len('{"name":""}'))
    answer = client.post("/api/v1/pools", content=f'{{"name":"{name}"}}', headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-name")
