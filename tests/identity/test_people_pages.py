"""What each role is shown, and what not: who may not press a button does not see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.identity.people import PersonLine
from app.identity.tokens import add_token
from app.jobs import queries as jobs
from app.pools.queries import pool_named
from app.settings import Settings
from tests.conftest import both_databases, one_database
from tests.world import World

pytestmark = one_database

BROWSER = {"Accept": "text/html"}

IMPORT = "/api/v1/pools/birds/imports"
REINDEX = "/api/v1/pools/birds/reindex"
EXPORT = "/api/v1/pools/birds/labels.csv"
ENCODERS = "/pools/birds/encoders"
NEW_CLASS = 'id="new-class"'
MEMBERS = "/pools/birds/members"

LogIn = Callable[[str], TestClient]


def test_a_pools_page_has_the_buttons_of_ones_role_and_no_others(as_person: LogIn) -> None:
    shown = {name: _shown(as_person(name), "/pools/birds") for name in ("annotator", "lead", "engineer", "admin")}
    assert shown == {
        "annotator": {MEMBERS},
        "lead": {MEMBERS, NEW_CLASS},
        "engineer": {MEMBERS, NEW_CLASS, IMPORT, EXPORT, ENCODERS},
        "admin": {MEMBERS, NEW_CLASS, IMPORT, EXPORT, ENCODERS},
    }


def test_an_annotator_is_told_whom_to_ask_for_classes_pictures_and_an_index(
    as_person: LogIn,
) -> None:
    annotator = as_person("annotator")
    assert "A lead or an engineer of this pool (engineer, lead) makes further classes." in _page(
        annotator, "/pools/birds"
    )
    admin = as_person("admin")
    assert admin.post("/api/v1/pools", json={"name": "shells"}).status_code == 201
    give = admin.put("/api/v1/pools/shells/members/annotator", json={"role": "annotator"})
    assert give.status_code == 204
    empty = _page(as_person("annotator"), "/pools/shells")
    assert "An admin imports pictures; then they can be labelled here." in empty
    assert "/imports" not in empty
    assert admin.put("/api/v1/pools/shells/members/engineer", json={"role": "engineer"}).status_code == 204
    assert "An engineer of this pool (engineer) imports pictures" in _page(as_person("annotator"), "/pools/shells")


def test_only_engineers_are_told_to_mend_an_index_that_is_gone(as_person: LogIn, settings: Settings) -> None:
    (settings.indexes / "fish-1" / "index.faiss").unlink()
    added = as_person("admin").put("/api/v1/pools/fish/members/annotator", json={"role": "annotator"})
    assert added.status_code == 204
    gone = "The index that is served is missing or damaged"
    assert f"{gone}: bring it up to date, or serve another one" in _page(as_person("stranger"), "/pools/fish")
    told = _page(as_person("annotator"), "/pools/fish")
    assert f"{gone}. An engineer of this pool (stranger) can bring it up to date.</p>" in told


@both_databases
def test_a_job_is_stopped_by_those_who_may_and_the_others_read_who_may(as_person: LogIn, world: World) -> None:
    address = f"/jobs/{world.names['job']}"
    assert 'id="stop"' in _page(as_person("engineer"), address)
    watching = _page(as_person("annotator"), address)
    assert 'id="stop"' not in watching
    assert "An engineer of the pool can stop and resume it." in watching


def test_jobs_offer_versions_and_encoders_to_engineers_and_tell_the_others_who_can_serve(
    as_person: LogIn, world: World, database: Database
) -> None:
    served = int(world.names["index version"])
    another = served + 100
    with database.write() as session:
        pool_id = pool_named(session, "birds").id
        compared = jobs.create(session, kind="compare", pool_id=pool_id, arguments={"first": served, "second": another})
        reindexed = jobs.claim(session)
        assert reindexed is not None
        assert jobs.finish(session, job=reindexed, result={"index_version": another, "served": False})
        claimed = jobs.claim(session)
        assert claimed is not None
        assert jobs.finish(session, job=claimed, result=_comparison(served, another))
    engineer, addresses = as_person("engineer"), (f"/jobs/{compared.id}", f"/jobs/{reindexed.id}", "/pools/birds/jobs")
    assert all(ENCODERS in _page(engineer, address) for address in addresses)
    assert f'id="serve-{another}"' in _page(engineer, addresses[0])
    for role in ("annotator", "lead"):
        comparison, reindex, listed = (_page(as_person(role), address) for address in addresses)
        assert f"Version {served} is served; an engineer of the pool can serve another." in comparison
        assert "/api/v1/pools/birds/served" not in comparison
        assert "An engineer of the pool can serve it." in reindex
        assert "Nothing runs or waits just now.</p>" in listed
        assert not any(ENCODERS in html for html in (comparison, reindex, listed))


def test_the_page_of_a_reindex_says_so_once_its_version_is_served(
    as_person: LogIn, world: World, database: Database
) -> None:
    served = int(world.names["index version"])
    with database.write() as session:
        job = jobs.claim(session)
        assert job is not None
        assert jobs.finish(session, job=job, result={"index_version": served, "served": False})
    for role in ("annotator", "engineer"):
        html = _page(as_person(role), f"/jobs/{job.id}")
        assert f"Version {served} is served." in html
        assert "was not served at once" not in html


def test_a_classs_page_offers_its_labels_to_engineers_alone(as_person: LogIn) -> None:
    address = "/pools/birds/classes/owl"
    assert EXPORT in _page(as_person("engineer"), address)
    assert EXPORT not in _page(as_person("lead"), address)


@both_databases
def test_whoever_is_in_no_pool_is_told_whom_to_ask(as_person: LogIn) -> None:
    assert as_person("admin").delete("/api/v1/pools/fish/members/stranger").status_code == 204
    stranger = as_person("stranger")
    home = _page(stranger, "/")
    assert "You are no member of any pool yet; ask an admin (admin) to add you." in home
    assert "new-pool" not in home
    assert "ask an admin (admin)" in _page(stranger, "/me")


@pytest.mark.parametrize(
    "address", ["/", "/pools/birds", "/reviews/{review}", "/pools/birds/classes/owl", "/reviews/999"]
)
def test_every_page_says_who_is_logged_in_and_lets_them_out(address: str, as_person: LogIn, world: World) -> None:
    annotator = _page(as_person("annotator"), address.format(review=world.names["review"]))
    assert 'action="/log-out"' in annotator
    assert 'href="/me"' in annotator
    assert 'href="/people"' not in annotator


def test_admins_find_people_from_every_page(as_person: LogIn) -> None:
    assert 'href="/people"' in _page(as_person("admin"), "/pools/fish")


def test_engineers_find_jobs_from_the_home_page_and_from_the_pool(as_person: LogIn) -> None:
    for role, finds in (("engineer", True), ("annotator", False)):
        somebody = as_person(role)
        assert ('href="/jobs"' in _page(somebody, "/")) == finds
        assert ('href="/pools/birds/jobs"' in _page(somebody, "/pools/birds")) == finds
    assert 'href="/jobs"' in _page(as_person("engineer"), "/pools/birds/jobs")


def test_members_are_seen_by_members_and_changed_by_admins(as_person: LogIn) -> None:
    seen = _page(as_person("annotator"), MEMBERS)
    assert "<b>lead</b>" in seen
    assert "<b>stranger</b>" not in seen
    assert "/api/v1/pools/birds/members" not in seen
    changed = _page(as_person("admin"), MEMBERS)
    assert "/api/v1/pools/birds/members/lead" in changed


def test_only_those_who_can_log_in_and_are_no_members_are_offered(as_person: LogIn) -> None:
    admin = as_person("admin")
    added = admin.post("/api/v1/people", json={"name": "zoe", "password": "a correct horse"})
    assert added.status_code == 201
    offered = _page(admin, MEMBERS).split('name="person"')[1].split("</select>")[0]
    assert offered.count("<option>") == 2
    assert "<option>zoe</option>" in offered
    assert "<option>admin</option>" in offered


def test_the_last_admin_is_not_offered_to_be_none(as_person: LogIn) -> None:
    admin = as_person("admin")
    assert "Remove admin?" not in _page(admin, "/people")
    added = admin.post("/api/v1/people", json={"name": "zoe", "password": "a correct horse", "admin": True})
    assert added.status_code == 201
    assert "Remove admin?" in _page(admin, "/people")


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("annotator", ["annotator"]),
        ("lead", ["annotator", "lead"]),
        ("engineer", ["annotator", "engineer"]),
        ("admin", ["annotator", "lead", "engineer", "admin"]),
    ],
)
def test_a_token_is_offered_the_roles_that_one_has(name: str, roles: list[str], as_person: LogIn) -> None:
    offered = _page(as_person(name), "/me").split('<select name="role">')[1].split("</select>")[0]
    assert offered == "".join(f"<option>{role}</option>" for role in roles)


def test_my_page_lists_my_tokens_and_nobody_elses(
    as_person: LogIn, people: dict[str, PersonLine], database: Database
) -> None:
    with database.write() as session:
        add_token(session, person_id=people["lead"].id, name="nightly", role="lead", days=1, by=None)
        mine = people["engineer"].id
        _, secret = add_token(session, person_id=mine, name="training", role="engineer", days=1, by=None)
    lead, engineer = _page(as_person("lead"), "/me"), _page(as_person("engineer"), "/me")
    assert "<b>nightly</b>" in lead
    assert "<b>training</b>" not in lead
    assert "<b>training</b>" in engineer
    assert secret not in engineer


@both_databases
def test_while_nobody_can_log_in_pages_say_how_to_begin_and_nothing_of_people(client: TestClient, world: World) -> None:
    assert "Add the first person, an admin" in _page(client, "/people")
    for address in ("/", "/pools/birds", "/me", f"/reviews/{world.names['review']}"):
        assert "/log-out" not in _page(client, address)
    assert _shown(client, "/pools/birds") == {NEW_CLASS, IMPORT, EXPORT, ENCODERS}
    assert 'href="/people"' in _page(client, "/")


def _page(client: TestClient, address: str) -> str:
    html: str = client.get(address, headers=BROWSER).text
    return html


def _shown(client: TestClient, address: str) -> set[str]:
    html = _page(client, address)
    return {mark for mark in (IMPORT, REINDEX, EXPORT, ENCODERS, NEW_CLASS, MEMBERS) if mark in html}


def _comparison(first: int, second: int) -> dict[str, Any]:
    """What a comparison of two versions finds where nobody has labelled anything."""
    sides = {name: {"id": id, "encoder": "made-up", "count": 7} for name, id in (("first", first), ("second", second))}
    found = {"images": 7, "overlap": {}, "measures": [], "classes": [], "replay": None, "notes": [], "better": None}
    return {**sides, **found, "sentence": "Nobody has labelled enough yet."}
