"""A pool of two heaps, 30 owls and 70 others, and a review that starts from one owl."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.db import Database
from app.search import query_vectors
from app.settings import Settings
from tests import leases
from tests.seeded import SeededPool, seed_pool, two_heaps

OWLS, OTHERS = 30, 70


@pytest.fixture(scope="session", autouse=True)
def _encoders_opened_once() -> Iterator[None]:
    """Servers share the encoders that they have opened: each anew takes half a second, and 150 MB until long after."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query_vectors, "Encoder", SimpleNamespace(open=cache(query_vectors.Encoder.open)))
        yield


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(OWLS, OTHERS), classes=("owl", "lark"))


@pytest.fixture
def start(client: TestClient, pool: SeededPool) -> Callable[..., dict[str, Any]]:
    """Start a review and return it."""

    def start(label: str = "owl", image: str | None = None) -> dict[str, Any]:
        body = {"class": label, "query": {"images": [image or pool.images[0]]}}
        answer = client.post(f"/api/v1/pools/{pool.name}/reviews", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return start


@pytest.fixture
def get_page(client: TestClient) -> Callable[..., dict[str, Any]]:
    """Ask for a page of a review and return it; nothing is planted on it unless that is asked for."""

    def get_page(review: dict[str, Any], size: int = 10, **wanted: object) -> dict[str, Any]:
        body = {"size": size, "plant": False, **wanted}
        answer = client.post(f"/api/v1/reviews/{review['id']}/pages", json=body)
        assert answer.status_code in {200, 201}, answer.text
        return dict(answer.json())

    return get_page


@pytest.fixture
def run_out(database: Database) -> Callable[[], None]:
    """Let the leases of all pages run out."""
    return partial(leases.run_out, database)


def shown(page: dict[str, Any]) -> list[str]:
    """The ids of a page's candidates, in the order shown."""
    return [candidate["image"] for candidate in page["candidates"]]


def commit(client: TestClient, page: dict[str, Any], **body: object) -> dict[str, Any]:
    """Commit a page and return the answer."""
    answer = client.post(f"/api/v1/pages/{page['id']}/commit", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def labels(client: TestClient, verdict: str = "accept", pool: str = "birds") -> set[str]:
    """The images that have this verdict in force, by the export."""
    lines = client.get(f"/api/v1/pools/{pool}/labels.csv", params={"verdict": verdict}).text.splitlines()
    return {line.split(",")[0] for line in lines[1:]}
