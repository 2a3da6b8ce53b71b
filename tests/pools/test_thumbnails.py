"""Thumbnails: their sizes, their files, and how they are served."""

from __future__ import annotations

import io
import os
import time
from email import policy
from email.parser import BytesParser
from pathlib import Path

import httpx2
import pytest
from PIL import Image
from starlette.testclient import TestClient

from app.db import Database
from app.pools.thumbnails import ThumbnailStore
from app.settings import Settings
from tests.conftest import one_database
from tests.pools.pictures import noise
from tests.seeded import SeededPool, seed_pool, two_heaps

pytestmark = one_database

SHA256 = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> ThumbnailStore:
    return ThumbnailStore(tmp_path / "thumbnails")


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return seed_pool(settings, database, vectors=two_heaps(3, 3))


def sizes(store: ThumbnailStore) -> list[tuple[int, int]]:
    """Return the pixels of the small and of the large thumbnail."""
    return [Image.open(io.BytesIO(store.read(SHA256, size) or b"")).size for size in (256, 1024)]


@pytest.mark.parametrize(
    "picture, small, large",
    [
        ((2000, 1000), (256, 128), (1024, 512)),
        ((600, 800), (192, 256), (600, 800)),
        ((256, 100), (256, 100), (256, 100)),
        ((96, 96), (96, 96), (96, 96)),
        ((5000, 2), (256, 1), (1024, 1)),
    ],
)
def test_the_longest_side_is_at_most_the_size_and_nothing_is_enlarged(
    store: ThumbnailStore, picture: tuple[int, int], small: tuple[int, int], large: tuple[int, int]
) -> None:
    store.put(SHA256, noise(1, picture))
    assert sizes(store) == [small, large]


def test_a_picture_that_fits_the_small_size_has_one_file(store: ThumbnailStore) -> None:
    store.put(SHA256, noise(1, (256, 256)))
    assert [file.name for file in store.root.rglob("*") if file.is_file()] == [f"{SHA256}.webp"]


def test_thumbnails_look_like_the_picture(store: ThumbnailStore) -> None:
    store.put(SHA256, Image.new("RGB", (500, 500), (200, 30, 60)))
    for size in (256, 1024):
        thumbnail = Image.open(io.BytesIO(store.read(SHA256, size) or b""))
        assert thumbnail.format == "WEBP"
        colour = thumbnail.convert("RGB").getpixel((100, 100))
        assert isinstance(colour, tuple)
        assert max(abs(ours - theirs) for ours, theirs in zip(colour, (200, 30, 60), strict=True)) < 8


def test_an_empty_file_counts_as_none(store: ThumbnailStore) -> None:
    store.put(SHA256, noise(1, (10, 10)))
    assert store.has(SHA256)
    next(store.root.rglob("*.webp")).write_bytes(b"")
    assert not store.has(SHA256)


def test_sweeping_removes_only_drafts_that_a_killed_import_left_long_ago(store: ThumbnailStore) -> None:
    store.put(SHA256, noise(1, (10, 10)))
    old, fresh = store.root / "drafts" / "old", store.root / "drafts" / "fresh"
    for draft in (old, fresh):
        draft.write_bytes(b"half")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    store.sweep()
    assert not old.exists()
    assert fresh.exists()
    assert store.has(SHA256)


def test_a_thumbnail_is_served_with_immutable_caching(client: TestClient, settings: Settings) -> None:
    ThumbnailStore(settings.thumbnails).put(SHA256, noise(1, (400, 300)))
    small = client.get(f"/api/v1/images/{SHA256}/thumbnail")
    large = client.get(f"/api/v1/images/{SHA256}/thumbnail?size=1024")
    assert [Image.open(io.BytesIO(answer.content)).size for answer in (small, large)] == [(256, 192), (400, 300)]
    assert small.headers["Content-Type"] == "image/webp"
    assert small.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert small.headers["ETag"] != large.headers["ETag"]

    again = client.get(f"/api/v1/images/{SHA256}/thumbnail", headers={"If-None-Match": small.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == small.headers["ETag"]


@pytest.mark.parametrize(
    "path, status, code",
    [
        (f"{'0' * 64}/thumbnail", 404, "thumbnail-not-found"),
        (f"{'A' * 64}/thumbnail", 404, "thumbnail-not-found"),
        ("..%2F..%2Fwinnow.db/thumbnail", 404, None),
        (f"{'0' * 63}%0A/thumbnail", 404, "thumbnail-not-found"),
        (f"{SHA256}/thumbnail?size=512", 422, "bad-thumbnail-size"),
    ],
)
def test_what_is_no_thumbnail_is_refused_with_a_sentence(
    client: TestClient, path: str, status: int, code: str | None
) -> None:
    answer = client.get(f"/api/v1/images/{path}")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    if code is not None:
        assert answer.json()["code"] == code


def test_many_thumbnails_come_as_one_form_in_the_order_asked(
    client: TestClient, settings: Settings, pool: SeededPool
) -> None:
    store = ThumbnailStore(settings.thumbnails)
    first, without, last = pool.images[3], pool.images[1], pool.images[2]
    for image, side in ((first, 300), (last, 40)):
        store.put(image, noise(1, (side, side)))
    asked = {"images": [first, without, last, first]}
    answer = client.post("/api/v1/pools/birds/thumbnails", json=asked)
    assert files_of(answer) == [
        (image, client.get(f"/api/v1/images/{image}/thumbnail").content) for image in (first, last)
    ]


def test_many_large_thumbnails_do_not_come_in_one_answer(
    client: TestClient, settings: Settings, pool: SeededPool
) -> None:
    # Of 500 images they would be 29 MB, which a server would hold twice for each who asks.
    ThumbnailStore(settings.thumbnails).put(pool.images[0], noise(1, (1024, 1024)))
    asked = {"images": pool.images[:1]}
    refused = client.post("/api/v1/pools/birds/thumbnails", json=asked | {"size": 1024})
    assert (refused.status_code, [fault["field"] for fault in refused.json()["errors"]]) == (422, ["size"])
    ((_, small),) = files_of(client.post("/api/v1/pools/birds/thumbnails", json=asked))
    assert Image.open(io.BytesIO(small)).size == (256, 256)
    described = client.get("/api/v1/openapi.json").json()
    assert list(described["components"]["schemas"]["WantedThumbnails"]["properties"]) == ["images"]
    assert "Only those of 256 pixels" in described["paths"]["/api/v1/pools/{pool}/thumbnails"]["post"]["description"]


@pytest.mark.parametrize(
    ("images", "status", "code"),
    [([SHA256], 422, "not-in-this-pool"), (["../winnow.db"], 422, "invalid"), ([], 422, "invalid")],
)
def test_thumbnails_of_what_the_pool_does_not_hold_are_refused(
    images: list[str], status: int, code: str, client: TestClient, settings: Settings, pool: SeededPool
) -> None:
    ThumbnailStore(settings.thumbnails).put(SHA256, noise(1, (10, 10)))
    answer = client.post(
        "/api/v1/pools/birds/thumbnails", json={"images": [*pool.images[:1], *images] if images else []}
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def files_of(answer: httpx2.Response) -> list[tuple[str, bytes]]:
    """Return the (name, content) of the files of a form, as somebody else's code reads it."""
    assert answer.status_code == 200
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    form = BytesParser(policy=policy.HTTP).parsebytes(head + answer.content)
    files = list(form.iter_parts())
    assert {file.get_content_type() for file in files} == {"image/webp"}
    return [
        (str(file.get_param("name", header="Content-Disposition")), file.get_payload(decode=True)) for file in files
    ]
