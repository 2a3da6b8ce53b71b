"""Made-up requests to every operation of the API by everybody: each answer is one that the API's document promises."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from app.db import Database
from app.main import create_app
from app.pools.thumbnails import ThumbnailStore
from app.settings import Settings
from tests.conftest import HERE
from tests.review.originals import noise, png, put_original
from tests.world import ROLES, World, cookies_of, made_people, made_world

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
ASKERS = ["local", "nobody", "admin", *ROLES]
URL = "http://localhost"

# Who asks is added to each request; made up, it would be refused before anything else is looked at.
CONFIG = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
with TemporaryDirectory() as home:
    DOCUMENT = create_app(Settings(home=Path(home), database_url="")).openapi()
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG).get_all_operations()]

# Requests to each operation, twice as many as the document wants them as otherwise. Those who may do all there is send
# every one, the others, who are mostly refused before a route sees anything, every second one. More find more.
EXAMPLES = int(os.environ.get("WINNOW_TEST_EXAMPLES", "6"))
MAY_DO_ALL = {"local", "admin"}


@dataclass(frozen=True)
class Server:
    """A server that forgets what was done to it, with the cookies of whoever asks."""

    client: TestClient
    file: Path
    world: World
    before: dict[str, sqlite3.Connection]
    cookies: dict[str, dict[str, str]]

    def begin_anew(self, asker: str) -> None:
        with closing(sqlite3.connect(self.file)) as file:
            self.before["local" if asker == "local" else "people"].backup(file)
        self.client.cookies.clear()
        self.client.cookies.update(self.cookies.get(asker, {}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    file = home / "winnow.db"
    file.write_bytes(migrated_sqlite.read_bytes())
    settings = Settings(home=home, import_roots=(home,), database_url="")
    database = Database(settings.database)
    with (
        TestClient(create_app(settings), base_url=URL, client=HERE, raise_server_exceptions=False) as client,
        closing(sqlite3.connect(":memory:", check_same_thread=False)) as local,
        closing(sqlite3.connect(":memory:", check_same_thread=False)) as people,
        closing(sqlite3.connect(file)) as source,
    ):
        world = made_world(client, settings, database)
        # The lot can be accepted, and beside the page that was committed there is an open one.
        committed = client.post(f"/api/v1/pages/{int(world.names['page']) + 1}/commit", json={})
        review = client.post(
            "/api/v1/pools/birds/reviews", json={"class": "lark", "query": {"images": world.images[-1:]}}
        )
        page = client.post(f"/api/v1/reviews/{review.json()['id']}/pages", json={"size": 10})
        assert (committed.status_code, page.status_code) == (200, 201)
        put_original(database, home, world.images[0], png(noise()))
        ThumbnailStore(settings.thumbnails).put(world.images[0], noise())
        source.backup(local)
        cookies = {name: cookies_of(person, database) for name, person in made_people(database).items()}
        source.backup(people)
        database.dispose()
        yield Server(client, file, world, {"local": local, "people": people}, cookies)


def test_the_document_says_who_may_ask_and_how_refusals_look() -> None:
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"token", "log-in"}
    assert DOCUMENT["security"] == [{"token": []}, {"log-in": []}]
    paths = DOCUMENT["paths"]
    assert paths["/api/v1/health"]["get"]["security"] == []
    assert paths["/api/v1/tokens"]["post"]["security"] == [{"log-in": []}]
    assert "security" not in paths["/api/v1/pools"]["get"]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operation in (operation for operations in paths.values() for operation in operations.values()):
        refusals = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
        assert {"4XX", "5XX"} <= refusals.keys()
        assert all(answer["content"] == problem for answer in refusals.values())
    assert "ValidationError" not in str(DOCUMENT)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_one_that_the_document_promises(operation: Any, server: Server) -> None:
    cases = _made_up(operation, server.world)
    # Where nobody has to log in, it makes no difference who asks.
    open_to_all = DOCUMENT["paths"][operation.path][operation.method].get("security") == []
    for asker in ASKERS[:2] if open_to_all else ASKERS:
        server.begin_anew(asker)
        for case in cases if asker in MAY_DO_ALL else cases[::2]:
            case.validate_response(_answer(server.client, case), checks=CHECKS)


def _made_up(operation: Any, world: World) -> list[schemathesis.Case]:
    """Return the same requests each time; half of them ask for what is there."""
    cases: list[schemathesis.Case] = []
    as_wanted, otherwise = (operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE))

    @examples(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=as_wanted | as_wanted | otherwise, there=st.booleans())
    def collect(case: schemathesis.Case, there: bool) -> None:
        if there:
            real = _real(operation, world)
            case.path_parameters = _with(case.path_parameters, real)
            case.query = _with(case.query, real)
            case.body = _with(case.body, real)
        cases.append(case)

    collect()
    return cases


def _real(operation: Any, world: World) -> dict[str, Any]:
    """Return what there is, by the name of the parameter or of the field in a body that asks for it."""
    names, images = world.names, world.images
    numbers = {name: int(names[name]) for name in ("review", "page", "lot", "job", "commit")}
    return {
        "pool": names["pool"],
        "class_name": names["class_name"],
        "class": names["class_name"],
        "into": "lark",
        "person": "annotator",
        "id": {"images": images[0], "jobs": numbers["job"]}.get(operation.path.split("/")[3], 1),
        "review_id": numbers["review"],
        # What is asked of a committed page is to take that back.
        "page_id": numbers["page"] + (0 if operation.method == "delete" else 2),
        "page": numbers["page"],
        "lot_id": numbers["lot"],
        "commit_id": numbers["commit"],
        "index_version": 1,
        "encoder": "made-up",
        "image": images[0],
        "images": images[:2],
        "unwanted": images[4:5],
        "like": images[1],
        "rejected": images[1:2],
        "unsure": images[2:3],
    }


def _with(value: Any, real: dict[str, Any]) -> Any:
    """Return a value with what there is in place of whatever is so named in it."""
    if isinstance(value, dict):
        return {name: real[name] if name in real else _with(part, real) for name, part in value.items()}
    return [_with(part, real) for part in value] if isinstance(value, list) else value


def _answer(client: TestClient, case: schemathesis.Case) -> Any:
    sent = requests.Request(**case.as_transport_kwargs(base_url=URL)).prepare()
    return client.request(sent.method, sent.url, headers=dict(sent.headers), content=sent.body)
