"""Logging in and out: cookies, what ends a log-in, guessing, and where one lands."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html import escape, unescape
from threading import Event
from urllib.parse import quote

import pytest
from anyio import create_task_group, run
from anyio.lowlevel import checkpoint
from sqlalchemy import event, func, select, update
from starlette.concurrency import run_in_threadpool
from starlette.testclient import TestClient

from app.db import Database
from app.identity import log_ins, secrets
from app.identity.accounts import add_person, remove_person, set_admin, set_password
from app.identity.members import remove_member, set_role
from app.identity.people import PersonLine
from app.identity.secrets import AT_ONCE, MOST_WAITING, TooManyLogIns, beside_all_else, hashed
from app.identity.views import own_path
from app.main import create_app
from app.pools.queries import create_pool
from app.settings import Settings
from app.tables import JournalEntry, LogIn, LogInAttempt, now
from tests.conftest import both_databases, one_database
from tests.people import beside
from tests.world import PASSWORD

pytestmark = one_database

BROWSER = {"Accept": "text/html"}
FORM = {"name": "Anna", "password": PASSWORD}


@pytest.fixture
def anna(database: Database) -> PersonLine:
    with database.write() as session:
        return add_person(session, name="Anna", password=hashed(PASSWORD), admin=True, by=None)


@both_databases
def test_somebody_logs_in_works_and_logs_out(client: TestClient, database: Database, anna: PersonLine) -> None:
    sent = client.get("/pools/birds?from=mail", headers=BROWSER, follow_redirects=False)
    assert (sent.status_code, sent.headers["Location"]) == (303, "/log-in?next=%2Fpools%2Fbirds%3Ffrom%3Dmail")
    assert 'name="next" value="/pools/birds?from=mail"' in client.get(sent.headers["Location"]).text

    landed = client.post("/log-in", data={**FORM, "next": "/docs"}, follow_redirects=False)
    assert (landed.status_code, landed.headers["Location"]) == (303, "/docs")
    cookie = landed.headers["Set-Cookie"]
    assert cookie.startswith("winnow=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/;" in cookie
    assert "Secure" not in cookie, "over plain HTTP the browser would not send it"
    assert client.get("/api/v1/me").json() == {"name": "Anna", "admin": True, "way": "log-in", "roles": {}}
    assert "Anna" in client.get("/", headers=BROWSER).text

    kept = client.cookies["winnow"]
    left = client.post("/log-out", follow_redirects=False)
    assert left.headers["Location"] == "/log-in?left=true"
    assert "You have logged out." in client.get("/log-in?left=true").text
    assert client.get("/api/v1/me", headers={"Cookie": f"winnow={kept}"}).status_code == 401
    with database.read() as session:
        acts = session.execute(select(JournalEntry.act, JournalEntry.details).order_by(JournalEntry.id)).all()
    assert [act for act, _ in acts] == ["add-person", "log-in", "log-out"]
    assert PASSWORD not in str(acts)


def test_behind_tls_the_cookie_is_secure_and_bound_to_the_host(settings: Settings, anna: PersonLine) -> None:
    with TestClient(create_app(settings), base_url="https://localhost") as client:
        cookie = client.post("/api/v1/log-in", json=FORM).headers["Set-Cookie"]
        assert cookie.startswith("__Host-winnow=")
        assert "Secure" in cookie
        assert client.get("/api/v1/me").status_code == 200


@both_databases
def test_the_database_holds_nothing_by_which_one_could_log_in(
    client: TestClient, database: Database, anna: PersonLine
) -> None:
    client.post("/api/v1/log-in", json=FORM)
    with database.read() as session:
        digest = session.scalars(select(LogIn.digest)).one()
    assert digest != client.cookies["winnow"]
    client.cookies.clear()
    assert client.get("/api/v1/me", headers={"Cookie": f"winnow={digest}"}).status_code == 401


@both_databases
@pytest.mark.parametrize(
    "change",
    [
        lambda session, who: set_role(session, pool_id=1, person=who, role="annotator", by=None),
        lambda session, who: remove_member(session, pool_id=1, person=who, by=None),
        lambda session, who: set_admin(session, person=who, admin=True, by=None),
        lambda session, who: set_password(session, person=who, password=hashed("another horse"), by=None),
        lambda session, who: remove_person(session, person=who, by=None),
        lambda session, who: session.execute(update(LogIn).values(expires_at=now() - timedelta(seconds=1))),
    ],
    ids=["role", "member", "admin", "password", "removed", "expired"],
)
def test_a_change_ends_log_ins_at_once(
    change: Callable[..., object],
    as_person: Callable[[str], TestClient],
    people: dict[str, PersonLine],
    database: Database,
) -> None:
    lead, other = as_person("lead"), as_person("lead")
    assert lead.get("/api/v1/pools/birds").status_code == 200
    with database.write() as session:
        change(session, people["lead"])
    assert (lead.get("/api/v1/me").status_code, other.get("/api/v1/me").status_code) == (401, 401)
    assert "Your log-in has ended; log in again." in lead.get("/pools/birds", headers=BROWSER).text
    nobody = beside(lead).get("/pools/birds", headers=BROWSER)
    assert nobody.url.path == "/log-in"
    assert "has ended" not in nobody.text


@both_databases
def test_a_log_in_that_is_used_goes_on_and_is_written_down_now_and_then_only(
    as_person: Callable[[str], TestClient], database: Database
) -> None:
    lead = as_person("lead")

    def written() -> tuple[object, ...]:
        with database.read() as session:
            return tuple(session.execute(select(LogIn.last_seen_at, LogIn.expires_at)).one())

    before = written()
    lead.get("/api/v1/me")
    assert written() == before
    with database.write() as session:
        hour_ago = now() - timedelta(hours=1)
        session.execute(update(LogIn).values(last_seen_at=hour_ago, expires_at=now() + timedelta(minutes=1)))
    lead.get("/api/v1/me")
    with database.read() as session:
        seen, until = session.execute(select(LogIn.last_seen_at, LogIn.expires_at)).one()
    assert seen > hour_ago
    assert until > now() + timedelta(days=29)


def test_changing_the_password_leaves_this_browser_logged_in_and_no_other(
    client: TestClient, anna: PersonLine, settings: Settings
) -> None:
    other = beside(client)
    for browser in (client, other):
        assert browser.post("/api/v1/log-in", json=FORM).status_code == 204
    wrong = client.put("/api/v1/me/password", json={"present": "a wrong horse", "new": "another horse"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong-password")
    assert wrong.json()["detail"] == "Your present password is another one."
    short = client.put("/api/v1/me/password", json={"present": PASSWORD, "new": "short"})
    assert short.json()["detail"].startswith("A password needs at least 10 characters")
    assert client.put("/api/v1/me/password", json={"present": PASSWORD, "new": "another horse"}).status_code == 204
    assert (client.get("/api/v1/me").status_code, other.get("/api/v1/me").status_code) == (200, 401)
    assert other.post("/api/v1/log-in", json={**FORM, "password": "another horse"}).status_code == 204


@both_databases
def test_guessing_is_slowed_down_for_the_name_and_for_the_address(settings: Settings, anna: PersonLine) -> None:
    strict = settings.model_copy(update={"log_in_failures": 1})
    with TestClient(create_app(strict), base_url="http://localhost") as client:
        wrong = client.post("/log-in", data={**FORM, "password": "a wrong horse"})
        assert wrong.status_code == 401
        assert "This name and this password do not belong together." in wrong.text
        refused = client.post("/api/v1/log-in", json=FORM)
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-attempts")
        assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60
        database: Database = client.app.state.database  # type: ignore[attr-defined]
        with database.write() as session:
            session.add_all(LogInAttempt(name_key=f"x{number}", address="testclient") for number in range(5))
        assert client.post("/api/v1/log-in", json={"name": "Ben", "password": PASSWORD}).status_code == 429
        with database.write() as session:
            session.execute(update(LogInAttempt).values(at=now() - timedelta(minutes=16)))
        assert client.post("/api/v1/log-in", json=FORM).status_code == 204
        with database.read() as session:
            assert session.scalars(select(func.count()).select_from(LogInAttempt)).one() == 0


def test_another_password_from_an_admin_need_not_wait_for_guesses_at_the_old_one(
    settings: Settings, anna: PersonLine, database: Database
) -> None:
    # Whoever had to wait was told to ask for one, and had to wait with it as well.
    strict = settings.model_copy(update={"log_in_failures": 1})
    with TestClient(create_app(strict), base_url="http://localhost") as client:
        client.post("/api/v1/log-in", json={**FORM, "password": "a wrong horse"})
        assert client.post("/api/v1/log-in", json=FORM).status_code == 429
        with database.write() as session:
            set_password(session, person=anna, password=hashed("another horse"), by=None)
        assert client.post("/api/v1/log-in", json={**FORM, "password": "another horse"}).status_code == 204


def test_guesses_from_one_network_of_ipv6_are_counted_together(settings: Settings, anna: PersonLine) -> None:
    with TestClient(create_app(settings.model_copy(update={"log_in_failures": 1}))) as client:

        def log_in(address: str, name: str) -> int:
            somebody = beside(client, client=(address, 50000))
            return somebody.post("/api/v1/log-in", json={"name": name, "password": PASSWORD}).status_code

        assert [log_in(f"2001:db8:0:1::{number}", f"x{number}") for number in range(6)] == [401] * 5 + [429]
        assert log_in("2001:db8:0:2::1", "x7") == 401
        assert [log_in(f"::ffff:192.0.2.{number}", f"y{number}") for number in range(6)] == [401] * 6


def test_an_unknown_name_is_told_as_a_wrong_password(client: TestClient, anna: PersonLine) -> None:
    unknown = client.post("/api/v1/log-in", json={"name": "Ben", "password": PASSWORD})
    wrong = client.post("/api/v1/log-in", json={"name": "Anna", "password": "a wrong horse"})
    assert (unknown.status_code, unknown.json()) == (401, wrong.json())


@pytest.mark.parametrize(
    "text",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "evil", ""],
)
def test_nobody_is_sent_to_another_site(text: str) -> None:
    assert own_path(text) == "/"


def test_one_is_sent_back_to_any_page_of_this_server() -> None:
    assert own_path("/pools/my%20cats?path=a//b&next=https://x") == "/pools/my%20cats?path=a//b&next=https://x"


@pytest.mark.parametrize("root_path", ["", "/winnow"])
def test_one_is_sent_back_to_a_pool_of_an_odd_name(root_path: str, settings: Settings, database: Database) -> None:
    name = "a?b#c&d=e 5% +ü"
    address = f"{root_path}/pools/{quote(name, safe='')}"
    with database.write() as session:
        create_pool(session, name=name, classes_per_image="one", person_id=None)
        add_person(session, name="Anna", password=hashed(PASSWORD), admin=True, by=None)
    app = create_app(settings.model_copy(update={"root_path": root_path}))
    with TestClient(app, base_url="http://localhost") as client:
        sent = client.get(f"{address}?after=1%2B1", headers=BROWSER, follow_redirects=False)
        assert sent.status_code == 303
        form = client.get(sent.headers["Location"], headers=BROWSER)
        target = re.search('name="next" value="([^"]*)"', form.text)
        assert target is not None
        landed = client.post(f"{root_path}/log-in", data={**FORM, "next": unescape(target[1])}, follow_redirects=False)
        assert landed.headers["Location"] == f"{address}?after=1%2B1"
        shown = {"Cookie": landed.headers["Set-Cookie"].partition(";")[0]}
        page = client.get(landed.headers["Location"], headers=BROWSER | shown)
        assert page.status_code == 200
        assert escape(name) in page.text


def test_a_program_is_told_to_show_a_token(client: TestClient, anna: PersonLine) -> None:
    refused = client.get("/api/v1/pools", headers=BROWSER)
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert client.post("/pools/x", headers=BROWSER).status_code == 405
    for asked in (refused, client.post("/api/v1/pools", json={"name": "birds"})):
        assert "Show a token, “Authorization: Bearer winnow_…”" in asked.json()["detail"]
        assert asked.json()["code"] == "not-logged-in"
    # A page whose person has logged out in another tab shows no cookie either.
    for of_a_browser in (
        {"Sec-Fetch-Site": "same-origin"},
        {"Referer": "http://localhost/"},
        {"Cookie": "winnow=gone"},
    ):
        told = client.get("/api/v1/pools", headers=of_a_browser).json()["detail"]
        assert "nothing you marked here is lost" in told


def test_a_page_of_another_site_cannot_log_anybody_in(client: TestClient, anna: PersonLine) -> None:
    assert client.post("/log-in", data=FORM, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize("proxied", ["/winnow/log-in", "/log-in"], ids=["prefix left on", "prefix taken off"])
def test_below_the_prefix_of_a_proxy(proxied: str, settings: Settings, anna: PersonLine) -> None:
    below = proxied.removesuffix("/log-in")
    prefixed = settings.model_copy(update={"root_path": "/winnow"})
    with TestClient(create_app(prefixed), base_url="http://localhost") as client:
        sent = client.get(f"{below}/pools/birds", headers=BROWSER, follow_redirects=False)
        assert sent.headers["Location"] == "/winnow/log-in?next=%2Fpools%2Fbirds"
        assert 'action="/winnow/log-in"' in client.get(proxied).text
        assert client.get(f"{below}/static/js/app.js").status_code == 200
        nothing = client.get(f"{below}/static/js/nothing.js", headers=BROWSER)
        assert nothing.status_code == 404
        assert re.search('"/winnow/static/[0-9a-f]{12}/js/app.js"', nothing.text)
        landed = client.post(proxied, data={**FORM, "next": "/pools/birds"}, follow_redirects=False)
        assert landed.headers["Location"] == "/winnow/pools/birds"
        assert "Path=/winnow;" in landed.headers["Set-Cookie"]
        shown = {"Cookie": landed.headers["Set-Cookie"].partition(";")[0]}
        assert client.get(f"{below}/api/v1/me", headers=shown).json()["name"] == "Anna"
        assert re.search("/winnow/static/[0-9a-f]{12}/js/app.js", client.get(f"{below}/", headers=BROWSER | shown).text)


def test_a_try_that_has_to_wait_writes_nothing(settings: Settings, anna: PersonLine) -> None:
    strict = settings.model_copy(update={"log_in_failures": 1})
    with TestClient(create_app(strict), base_url="http://localhost") as client:
        client.post("/api/v1/log-in", json={**FORM, "password": "a wrong horse"})
        statements: list[str] = []
        engine = client.app.state.database.engine  # type: ignore[attr-defined]
        event.listen(engine, "before_cursor_execute", lambda *what: statements.append(what[2]))
        assert client.post("/api/v1/log-in", json=FORM).status_code == 429
    assert statements
    assert [statement for statement in statements if not statement.startswith(("SELECT", "BEGIN"))] == []


@both_databases
@pytest.mark.parametrize("address", ["/api/v1/log-in", "/api/v1/me/password"])
def test_a_password_that_is_replaced_while_it_is_checked_is_worth_nothing(
    address: str, client: TestClient, anna: PersonLine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/api/v1/log-in", json=FORM)
    check = log_ins.is_password

    def check_while_another_is_given(password: str, password_hash: str | None) -> bool:
        right = check(password, password_hash)
        with database.write() as session:
            set_password(session, person=anna, password=hashed("a third horse"), by=None)
        return right

    monkeypatch.setattr(log_ins, "is_password", check_while_another_is_given)
    body = FORM if address.endswith("log-in") else {"present": PASSWORD, "new": "another horse"}
    refused = client.request("POST" if body is FORM else "PUT", address, json=body)
    assert (refused.status_code, refused.json()["code"]) == (401, "wrong-password")
    monkeypatch.undo()
    with database.read() as session:
        assert session.scalars(select(LogIn.id)).all() == []
    assert client.post("/api/v1/log-in", json={**FORM, "password": "a third horse"}).status_code == 204


@both_databases
def test_a_flood_of_log_ins_leaves_threads_for_all_else_and_is_cut_off(
    client: TestClient, anna: PersonLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[bool] = []

    async def flood() -> None:
        gate = Event()
        async with create_task_group() as group:

            async def one() -> None:
                done.append(await beside_all_else(gate.wait))

            for _ in range(AT_ONCE + MOST_WAITING):
                group.start_soon(one)
            await checkpoint()
            with pytest.raises(TooManyLogIns):
                await beside_all_else(gate.wait)
            await run_in_threadpool(gate.set)

    run(flood)
    assert done == [True] * (AT_ONCE + MOST_WAITING)

    monkeypatch.setattr(secrets, "MOST_WAITING", -AT_ONCE)
    refused = client.post("/api/v1/log-in", json=FORM)
    assert (refused.status_code, refused.json()["code"]) == (503, "too-many-log-ins")
    assert int(refused.headers["Retry-After"]) > 0
    page = client.post("/log-in", data=FORM)
    assert page.status_code == 503
    assert "Too many people are logging in at once; try again in a few seconds." in page.text
    assert 'value="Anna"' in page.text
