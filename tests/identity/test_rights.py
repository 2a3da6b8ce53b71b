"""Every route of the table, asked by everybody: whom it lets through, and how it refuses the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import select, update
from starlette.testclient import TestClient

from app.db import Database
from app.identity.access import NUMBERED, RULES, About, Rule, Who
from app.identity.people import Everywhere, PersonLine
from app.identity.tokens import add_token
from app.main import create_app
from app.settings import Settings
from app.tables import Folder, Image, ImagePath, PoolImage, Review, Unreadable, now
from tests.conftest import HERE, one_database
from tests.people import beside
from tests.world import PASSWORD, World

MEMBERS = {"annotator", "lead", "engineer", "admin"}

ALLOWED = {
    Who.ANYONE: MEMBERS | {"stranger", "nobody"},
    Who.LOGGED_IN: MEMBERS | {"stranger"},
    Who.IN_PERSON: MEMBERS | {"stranger"},
    Who.MEMBER: MEMBERS,
    Who.BEGINNER: MEMBERS,  # that of the world is from before people logged in
    Who.LEAD: {"lead", "admin"},
    Who.ENGINEER: {"engineer", "admin"},
    Who.LEAD_OR_ENGINEER: {"lead", "engineer", "admin"},
    Who.ANY_ENGINEER: {"engineer", "admin", "stranger"},
    Who.ADMIN: {"admin"},
    Who.ADMIN_IN_PERSON: {"admin"},
}

BEGINNERS = [rule for rule in RULES if rule.who is Who.BEGINNER]

BROWSER = {"Accept": "text/html"}


def test_every_route_of_the_app_is_in_the_table_and_no_other(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, database_url=""))
    served = {
        (method, context.path_format)
        for context in iter_route_contexts(app.routes)
        for method in (context.methods or {"GET"}) - {"HEAD"}
    }
    listed = {(rule.method, rule.path.replace(":path", "")) for rule in RULES}
    assert listed == served
    assert len(listed) == len(RULES)


def test_no_address_fits_two_rules() -> None:
    # The table and the app would have to look at them in the same order.
    for rule in RULES:
        for other in RULES:
            if rule is not other and rule.method == other.method and ":path" not in rule.path + other.path:
                assert not _overlap(rule.path, other.path), (rule.path, other.path)


@pytest.mark.parametrize(
    ("settings", "asker"),
    [("sqlite", asker) for asker in ("nobody", "stranger", "annotator", "lead", "engineer", "admin")]
    + [("postgresql", asker) for asker in ("stranger", "lead")],
    indirect=["settings"],
)
def test_each_route_answers_those_who_may_call_it_and_refuses_the_others(
    asker: str, client: TestClient, as_person: Callable[[str], TestClient], world: World
) -> None:
    asking = client if asker == "nobody" else as_person(asker)
    assert {f"{rule.method} {rule.path}": _told(asking, rule, world) for rule in _all_but_logging_out()} == {
        f"{rule.method} {rule.path}": _expected(asker, rule) for rule in _all_but_logging_out()
    }


@one_database
@pytest.mark.parametrize(
    ("person", "ceiling", "like"),
    [
        ("admin", "admin", "admin"),
        ("admin", "engineer", "engineer"),
        ("admin", "annotator", "annotator"),
        ("engineer", "admin", "engineer"),
        ("engineer", "engineer", "engineer"),
        ("engineer", "lead", "annotator"),
        ("lead", "engineer", "annotator"),
        ("annotator", "admin", "annotator"),
    ],
)
def test_a_token_may_do_no_more_than_its_role_nor_than_its_person(
    person: str,
    ceiling: str,
    like: str,
    client: TestClient,
    people: dict[str, PersonLine],
    world: World,
    database: Database,
) -> None:
    with database.write() as session:
        _, secret = add_token(
            session,
            person_id=people[person].id,
            name="script",
            role=ceiling,
            days=1,
            by=None,  # type: ignore[arg-type]
        )
    client.headers["Authorization"] = f"Bearer {secret}"
    rules = [rule for rule in _all_but_logging_out() if rule.method != "DELETE"]
    assert {f"{rule.method} {rule.path}": _told(client, rule, world) for rule in rules} == {
        f"{rule.method} {rule.path}": "refused"
        if rule.who in {Who.IN_PERSON, Who.ADMIN_IN_PERSON}
        else _expected(like, rule)
        for rule in rules
    }


@one_database
@pytest.mark.parametrize("asker", ["lead", "engineer", "admin"])
def test_whoever_began_a_review_goes_on_with_it_and_nobody_else(
    asker: str,
    as_person: Callable[[str], TestClient],
    people: dict[str, PersonLine],
    world: World,
    database: Database,
) -> None:
    # Two who went on with one review were shown the same page, and the second one's marks were lost.
    with database.write() as session:
        session.execute(update(Review).values(person_id=people["annotator"].id))
    other, beginner = as_person(asker), as_person("annotator")
    assert {_told(other, rule, world) for rule in BEGINNERS} == {"refused"}
    refused = other.post(f"/api/v1/pages/{world.names['page']}/commit", json={})
    assert refused.json()["code"] == "not-your-review"
    page = other.get(f"/reviews/{world.names['review']}", headers=BROWSER).text
    assert "Only annotator goes on with this review" in page
    assert f'<a href="/pages/{world.names["page"]}">Page 1</a>: 10 accepted' in page
    assert "Only annotator" not in beginner.get(f"/reviews/{world.names['review']}", headers=BROWSER).text
    assert {_told(beginner, rule, world) for rule in BEGINNERS} == {"let through"}
    assert other.post("/api/v1/reviews/999/pages").status_code == 404


@one_database
@pytest.mark.parametrize("ceiling", [None, "admin", "annotator"], ids=["log-in", "token", "annotators-token"])
@pytest.mark.parametrize("rule", BEGINNERS, ids=lambda rule: f"{rule.method} {rule.path}")
def test_an_admin_goes_on_with_nobodys_review_however_its_number_is_written(
    rule: Rule,
    ceiling: Everywhere | None,
    client: TestClient,
    as_person: Callable[[str], TestClient],
    people: dict[str, PersonLine],
    world: World,
    database: Database,
) -> None:
    with database.write() as session:
        session.execute(update(Review).values(person_id=people["annotator"].id))
        if ceiling is not None:
            admin = people["admin"].id
            _, secret = add_token(session, person_id=admin, name="script", role=ceiling, days=1, by=None)
    asking = as_person("admin")
    if ceiling is not None:
        asking = beside(client, headers={"Authorization": f"Bearer {secret}"})
    # What the routes themselves read as the number.
    for spelling in ("%2B{}", "%20{}", "{}%20", "%E2%80%83{}", "%0A{}", "{}.0", "+{}.00", "0_{}", f"{'0' * 19}{{}}"):
        told = asking.request(rule.method, _address(rule, world, spelling))
        assert (told.status_code, told.json()["code"]) == (404, "nothing-for-you"), spelling
    # As the number that the gate looks up.
    assert asking.request(rule.method, _address(rule, world, "00{}")).json()["code"] == "not-your-review"


@one_database
def test_where_a_number_is_named_by_no_number_there_is_nothing_for_anybody(
    client: TestClient, as_person: Callable[[str], TestClient], world: World
) -> None:
    numbered = [rule for rule in RULES if rule.about in NUMBERED]
    assert {rule.about.value for rule in numbered} == {name for name, value in world.names.items() if value.isdecimal()}
    for asker in ("admin", "stranger"):
        asking = as_person(asker)
        for rule in numbered:
            for spelling in ("first", "-{}", "{}.0", "%D9%A3"):
                told = asking.request(rule.method, _address(rule, world, spelling))
                assert (told.status_code, told.json()["code"]) == (404, "nothing-for-you"), (rule, spelling)


def test_a_pools_page_tells_ones_own_reviews_from_those_of_others(
    as_person: Callable[[str], TestClient], people: dict[str, PersonLine], database: Database
) -> None:
    with database.write() as session:
        session.execute(update(Review).values(person_id=people["annotator"].id))
    own, other = (as_person(name).get("/pools/birds", headers=BROWSER).text for name in ("annotator", "lead"))
    assert ("Continue a review" in own, "Reviews of others" in own) == (True, False)
    assert ("Continue a review" in other, "Reviews of others" in other) == (False, True)


def test_while_nobody_can_log_in_everything_is_open(client: TestClient, world: World) -> None:
    told = {f"{rule.method} {rule.path}": _told(client, rule, world) for rule in RULES if rule.path != "/metrics"}
    assert set(told.values()) == {"let through"}


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.7", {}),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
        ("::1", {"Via": "1.1 proxy"}),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}),
        ("127.0.0.1", {"X-Real-IP": "192.0.2.7"}),
    ],
)
def test_while_nobody_can_log_in_strangers_are_told_to_have_somebody_added(
    address: str, headers: dict[str, str], client: TestClient, settings: Settings
) -> None:
    somewhere = (address, 50000)
    stranger = beside(client, client=somewhere, headers=headers)
    refused = stranger.post("/api/v1/people", json={"name": "mallory", "password": PASSWORD, "admin": True})
    assert (refused.status_code, refused.json()["code"]) == (403, "not-at-the-machine")
    page = stranger.get("/", headers=BROWSER)
    assert page.status_code == 403
    assert "add a person there: winnow user add NAME --admin." in page.text
    assert stranger.get("/api/v1/health").status_code == 200
    trusting = create_app(settings.model_copy(update={"trust_local": True}))
    with TestClient(trusting, base_url="http://localhost", client=somewhere, headers=headers) as trusted:
        assert trusted.get("/api/v1/me").json()["way"] == "local"


@pytest.mark.parametrize(
    "proxied", [{"allowed_hosts": ("winnow.example",)}, {"trusted_proxies": ("127.0.0.1",)}, {"root_path": "/winnow"}]
)
def test_while_nobody_can_log_in_a_server_that_is_set_up_for_a_proxy_answers_nobody(
    proxied: dict[str, object], settings: Settings
) -> None:
    # Such a proxy need not name itself: whoever comes through it seems to be at this machine.
    for trusts, told in ((False, (403, "nobody-yet")), (True, (422, "first-is-admin"))):
        app = create_app(settings.model_copy(update=proxied | {"trust_local": trusts}))
        with TestClient(app, base_url="http://localhost", client=HERE) as client:
            answer = client.post("/api/v1/people", json={"name": "mallory", "password": PASSWORD})
            assert (answer.status_code, answer.json()["code"]) == told


def test_what_is_not_there_and_what_is_not_yours_cannot_be_told_apart(
    as_person: Callable[[str], TestClient], world: World
) -> None:
    stranger = as_person("stranger")
    for there, nowhere in (
        ("/api/v1/pools/birds", "/api/v1/pools/birdies"),
        (f"/api/v1/reviews/{world.names['review']}", "/api/v1/reviews/999"),
        (f"/api/v1/reviews/{world.names['review']}", "/api/v1/reviews/first"),
        (f"/api/v1/images/{world.images[0]}/thumbnail", f"/api/v1/images/{'0' * 64}/thumbnail"),
    ):
        assert (stranger.get(there).status_code, stranger.get(there).json()) == (404, stranger.get(nowhere).json())


@one_database
def test_lists_hold_what_one_may_see(as_person: Callable[[str], TestClient]) -> None:
    assert [pool["name"] for pool in as_person("annotator").get("/api/v1/pools").json()["items"]] == ["birds"]
    assert [pool["name"] for pool in as_person("admin").get("/api/v1/pools").json()["items"]] == ["birds", "fish"]
    home = as_person("stranger").get("/", headers=BROWSER).text
    assert "/pools/fish" in home
    assert "/pools/birds" not in home


def test_an_image_of_two_pools_does_not_tell_where_it_lies_in_the_other(
    as_person: Callable[[str], TestClient], world: World, database: Database
) -> None:
    with database.write() as session:
        image_id = session.scalars(select(Image.id).where(Image.sha256 == world.images[0])).one()
        fish = session.scalars(select(Folder).where(Folder.location == "/pictures/fish")).one()
        session.add(PoolImage(pool_id=fish.pool_id, image_id=image_id))
        session.add(ImagePath(folder_id=fish.id, image_id=image_id, path="secret.png", size=1, mtime_ns=1))
    for person, pools in (("lead", ["birds"]), ("stranger", ["fish"]), ("admin", ["birds", "fish"])):
        places = as_person(person).get(f"/api/v1/images/{world.images[0]}").json()["places"]
        assert [place["pool"] for place in places] == pools


@pytest.mark.parametrize(
    ("person", "told"), [("annotator", "birds"), ("lead", "birds"), ("engineer", "/pictures/birds")]
)
def test_where_folders_lie_is_told_to_engineers_alone(
    person: str, told: str, as_person: Callable[[str], TestClient], database: Database
) -> None:
    asking = as_person(person)
    with database.write() as session:
        folder_id = session.scalars(select(Folder.id).where(Folder.location == "/pictures/birds")).one()
        session.add(Unreadable(folder_id=folder_id, path="torn.png", reason="is torn"))
        session.execute(update(ImagePath).values(missing_since=now()))
    assert asking.get("/api/v1/pools/birds").json()["folders"] == [told]
    for kind in ("unreadable", "missing"):
        lines = asking.get(f"/api/v1/pools/birds/{kind}").json()["items"]
        assert {line["folder"] for line in lines} == {told}
    page = asking.get("/pools/birds/files", headers=BROWSER).text
    assert f"Not readable in {told}<" in page
    assert f"Missing from {told}<" in page


def test_whoever_makes_a_pool_can_bring_pictures_into_it(as_person: Callable[[str], TestClient]) -> None:
    engineer = as_person("engineer")
    assert engineer.post("/api/v1/pools", json={"name": "shells"}).status_code == 201
    assert engineer.get("/api/v1/me").json()["roles"] == {"birds": "engineer", "shells": "engineer"}
    assert engineer.post("/api/v1/pools/shells/reindex").status_code == 202


@one_database
def test_a_role_that_is_too_low_is_told_in_a_sentence(as_person: Callable[[str], TestClient]) -> None:
    refused = as_person("annotator").post("/api/v1/pools/birds/reindex")
    assert (refused.status_code, refused.json()["code"]) == (403, "role-too-low")
    assert refused.json()["detail"] == (
        "Only engineers of the pool may do this. Your role is that of an annotator. Ask an admin if you need to."
    )


@one_database
def test_an_address_or_a_method_without_a_rule_answers_nobody(as_person: Callable[[str], TestClient]) -> None:
    admin = as_person("admin")
    assert admin.get("/api/v1/secrets").status_code == 404
    refused = admin.post("/api/v1/health")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")
    assert refused.json()["detail"] == "This address does not answer to that method."
    assert "There is nothing at this address." in admin.get("/secrets", headers=BROWSER).text


def _all_but_logging_out() -> list[Rule]:
    # The metrics have a token of their own.
    others = {("POST", "/log-out"), ("DELETE", "/api/v1/log-in"), ("GET", "/metrics")}
    return [rule for rule in RULES if rule[:2] not in others]


def _told(client: TestClient, rule: Rule, world: World) -> str:
    answer = client.request(rule.method, _address(rule, world), follow_redirects=False)
    assert answer.status_code < 500, (rule, answer.text)
    if answer.status_code == 404:
        return "not there" if answer.json()["code"] == "nothing-for-you" else "let through"
    # A log-in without a name fails too, but it was tried.
    if answer.status_code == 401 and not rule.path.endswith("/log-in"):
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        return "unknown"
    # Whose page it is matters behind the gate.
    return "refused" if answer.status_code == 403 and answer.json()["code"] != "not-yours" else "let through"


def _expected(asker: str, rule: Rule) -> str:
    if asker in ALLOWED[rule.who]:
        return "let through"
    if asker == "nobody":
        return "unknown"
    return "not there" if asker == "stranger" and rule.about is not About.NOTHING else "refused"


def _address(rule: Rule, world: World, spelling: str = "{}") -> str:
    """The rule's address with real names in it; the first, so spelt, is that of what the rule is about."""
    first = {About.NOTHING: "0", About.POOL: "birds"}.get(rule.about) or world.names[rule.about.value]
    first = spelling.format(first)
    if rule.path == "/static/{path:path}":
        return "/static/icon.svg"
    address = re.sub(r"\{\w+\}", first, rule.path, count=1)
    return re.sub(r"\{(\w+)\}", lambda match: world.names[match[1]], address)


def _overlap(path: str, other: str) -> bool:
    parts, others = path.split("/"), other.split("/")
    return len(parts) == len(others) and all(
        part == its or "{" in part + its for part, its in zip(parts, others, strict=True)
    )
