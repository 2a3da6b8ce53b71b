"""Starting a review from uploads, and from parts of images and of uploads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select
from starlette.testclient import TestClient

from app.db import Database
from app.pools.queries import create_pool
from app.settings import Settings
from app.tables import Folder, ImagePath, ReviewQuery, now
from app.tables import Image as ImageRow
from ml.images import UnreadableImage
from tests.conftest import both_databases, one_database
from tests.review.conftest import shown
from tests.review.originals import noise, png, pool_of_the_shipped_encoder, put_original
from tests.seeded import SeededPool

pytestmark = one_database

REVIEWS = "/api/v1/pools/birds/reviews"
# The right lower quarter.
QUARTER = {"left": 0.5, "top": 0.5, "width": 0.5, "height": 0.5}
Put = Callable[[int, bytes], Path]


@pytest.fixture
def pool(settings: Settings, database: Database) -> SeededPool:
    return pool_of_the_shipped_encoder(settings, database)


@pytest.fixture
def put(database: Database, pool: SeededPool, tmp_path: Path) -> Put:
    """Lay the original of the pool's image of this number."""
    return lambda number, content: put_original(database, tmp_path, pool.images[number], content)


def start(client: TestClient, **query: Any) -> Any:
    return client.post(REVIEWS, json={"class": "owl", "query": query})


def upload(client: TestClient, *files: bytes, **query: Any) -> Any:
    form = {"class": "owl"} | ({"query": json.dumps(query)} if query else {})
    named = [("upload", (f"mine {number}.png", data)) for number, data in enumerate(files)]
    return client.post(REVIEWS, data=form, files=named)


def stored_vectors(database: Database) -> list[Any]:
    """The vectors of all queries, in their order."""
    with database.read() as session:
        rows = session.scalars(select(ReviewQuery.vector).order_by(ReviewQuery.review_id, ReviewQuery.position))
        return [None if row is None else np.frombuffer(row, dtype="<f4") for row in rows]


def refused(answer: Any, status: int, *words: str) -> bool:
    """Whether the answer is such an error, and a sentence with these words."""
    detail = answer.json()["detail"]
    return answer.status_code == status and detail.endswith(".") and all(word in detail for word in words)


def test_a_part_of_an_image_gets_the_vector_of_the_picture_that_it_is(
    client: TestClient, database: Database, pool: SeededPool, put: Put
) -> None:
    put(3, png(noise()))
    review = start(client, crops=[{"image": pool.images[3], **QUARTER}])
    assert review.status_code == 201
    assert review.json()["query"]["crops"] == [{"image": pool.images[3], "upload": None, **QUARTER}]
    assert upload(client, png(noise().crop((32, 32, 64, 64)))).status_code == 201
    part, picture = stored_vectors(database)
    assert part.tolist() == picture.tolist()


@both_databases
def test_a_part_is_one_of_the_picture_as_it_is_seen(
    client: TestClient, database: Database, pool: SeededPool, put: Put
) -> None:
    put(0, png(noise(64, 96)))
    # Stored lying on its side; who looks at it sees the one above.
    put(1, png(noise(64, 96).transpose(Image.Transpose.ROTATE_90), orientation=6))
    rectangle = {"left": 0.25, "top": 0, "width": 0.5, "height": 0.25}
    assert start(client, crops=[{"image": image, **rectangle} for image in pool.images[:2]]).status_code == 201
    upright, turned = stored_vectors(database)
    assert upright.tolist() == turned.tolist()


def test_a_part_may_begin_and_end_at_the_edges(client: TestClient, pool: SeededPool, put: Put) -> None:
    put(0, png(noise()))
    # In binary these are a little more than 1 together.
    rectangle = {"left": 0.7, "top": 0, "width": 0.30000000000000004, "height": 1}
    assert start(client, crops=[{"image": pool.images[0], **rectangle}]).status_code == 201


@pytest.mark.parametrize(
    ("rectangle", "words"),
    [
        ({"left": -0.1}, ["query.crops.0.left"]),
        ({"left": 1}, ["query.crops.0.left"]),
        ({"width": 0}, ["query.crops.0.width"]),
        ({"height": 1.1}, ["query.crops.0.height"]),
        ({"left": 0.6}, ["query.crops.0", "left and width", "1.1"]),
        ({"top": 0.75}, ["query.crops.0", "top and height", "1.25"]),
        ({"top": None}, ["query.crops.0.top"]),
        ({"image": None}, ["query.crops.0", "“image”"]),
        ({"upload": 0}, ["query.crops.0", "“upload”"]),
        ({"image": None, "upload": 0}, ["upload 0"]),
        ({"image": "0" * 64}, ["holds no image"]),
        ({"width": 0.2, "height": 0.4}, ["0003.png", "13 × 26", "16"]),
        ({"left": 0.9999, "width": 0.0001, "height": 0.0001}, ["0003.png", "0 × 0", "16"]),
    ],
)
def test_a_part_that_cannot_be_used_is_refused_with_the_reason(
    client: TestClient, pool: SeededPool, put: Put, rectangle: dict[str, Any], words: list[str]
) -> None:
    put(3, png(noise()))
    crop = {"image": pool.images[3], **QUARTER, **rectangle}
    answer = start(client, crops=[{name: value for name, value in crop.items() if value is not None}])
    assert refused(answer, 422, *words), answer.text
    assert client.get(REVIEWS).json()["items"] == []


def test_an_infinite_part_is_refused(client: TestClient, pool: SeededPool) -> None:
    crop = json.dumps({"image": pool.images[0], **QUARTER}).replace("0.5", "NaN")
    body = f'{{"class": "owl", "query": {{"crops": [{crop}]}}}}'
    assert client.post(REVIEWS, content=body, headers={"Content-Type": "application/json"}).status_code == 422


def test_an_original_that_is_gone_changed_or_damaged_is_named(client: TestClient, pool: SeededPool, put: Put) -> None:
    put(1, png(noise())).unlink()
    put(2, png(noise())).write_bytes(png(noise(65)))
    put(4, png(noise())[:-500])
    for number, status, word in (
        (0, 404, "not where"),
        (1, 404, "not where"),
        (2, 409, "changed"),
        (4, 409, "truncated"),
    ):
        answer = start(client, images=pool.images[:1], crops=[{"image": pool.images[number], **QUARTER}])
        assert refused(answer, status, f"000{number}.png", word), answer.text
    assert client.get(REVIEWS).json()["items"] == []


def test_several_uploads_start_one_review_beside_images_and_what_is_not_wanted(
    client: TestClient, pool: SeededPool
) -> None:
    answer = upload(client, png(noise(seed=1)), png(noise(seed=2)), images=pool.images[:1], unwanted=pool.images[1:2])
    assert answer.status_code == 201
    query = answer.json()["query"]
    assert (query["images"], len(query["uploads"]), query["unwanted"]) == (pool.images[:1], 2, pool.images[1:2])
    for sha256 in query["uploads"]:
        assert client.get(f"/api/v1/images/{sha256}/thumbnail").headers["content-type"] == "image/webp"
    page = client.post(f"/api/v1/reviews/{answer.json()['id']}/pages", json={"size": 5}).json()
    assert len(shown(page)) == 5


def test_an_upload_of_which_parts_are_named_counts_by_these_parts_alone(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    whole, cut = noise(seed=1), noise(seed=2)
    other = {**QUARTER, "left": 0}
    answer = upload(client, png(whole), png(cut), crops=[{"upload": 1, **QUARTER}, {"upload": 1, **other}])
    assert answer.status_code == 201
    query = answer.json()["query"]
    (sha256,) = {crop["upload"] for crop in query["crops"]}
    assert [query["uploads"] == [sha256], len(query["uploads"]), len(query["crops"])] == [False, 1, 2]
    assert upload(client, png(cut.crop((32, 32, 64, 64)))).status_code == 201
    right, _left, _whole, alone = stored_vectors(database)
    assert right.tolist() == alone.tolist()


def test_the_same_upload_twice_counts_once(client: TestClient, pool: SeededPool) -> None:
    assert len(upload(client, png(noise()), png(noise())).json()["query"]["uploads"]) == 1


@pytest.mark.parametrize("broken", [b"", b"no picture at all", png(noise())[:600]])
def test_an_upload_that_is_no_picture_is_named_and_nothing_is_kept(
    settings: Settings, client: TestClient, pool: SeededPool, broken: bytes
) -> None:
    answer = upload(client, png(noise()), broken)
    assert refused(answer, 415, "“mine 1.png”"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get(REVIEWS).json()["items"] == []
    assert not settings.uploads.exists()
    assert not list(settings.thumbnails.rglob("*.webp"))


def test_an_upload_that_can_only_be_read_at_a_smaller_size_is_refused_as_well(
    client: TestClient, pool: SeededPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise UnreadableImage("needs more memory than there is")

    monkeypatch.setattr("app.review.uploads.read_rgb", out_of_memory)
    assert refused(upload(client, png(noise())), 415, "“mine 0.png”", "memory")


def test_an_upload_too_small_a_part_of_which_is_named_is_refused(client: TestClient, pool: SeededPool) -> None:
    answer = upload(client, png(noise(20, 20)), crops=[{"upload": 0, **QUARTER}])
    assert refused(answer, 422, "“mine 0.png”", "10 × 10"), answer.text


def test_a_part_of_an_upload_that_does_not_come_is_refused(client: TestClient, pool: SeededPool) -> None:
    assert refused(upload(client, png(noise()), crops=[{"upload": 1, **QUARTER}]), 422, "upload 1")


def test_a_query_in_a_form_that_is_no_query_is_refused(client: TestClient, pool: SeededPool) -> None:
    for query in ("{", "[]", '{"pictures": []}'):
        files = {"upload": ("a.png", png(noise()))}
        answer = client.post(REVIEWS, data={"class": "owl", "query": query}, files=files)
        assert refused(answer, 422), answer.text


def test_too_many_uploads_are_refused(client: TestClient, pool: SeededPool) -> None:
    assert refused(upload(client, *[png(noise(16, 16))] * 21), 422, "20")


def test_a_file_name_cannot_turn_the_sentence_about_it(client: TestClient, pool: SeededPool) -> None:
    files = {"upload": ("a\u202egnp.exe", b"no picture")}
    assert "“agnp.exe”" in client.post(REVIEWS, data={"class": "owl"}, files=files).json()["detail"]


def test_a_form_without_an_upload_is_422(client: TestClient, pool: SeededPool) -> None:
    answer = client.post(REVIEWS, data={"class": "owl"}, files={"other": ("a.png", png(noise()))})
    assert answer.status_code == 422


def test_too_large_an_upload_is_413(settings: Settings, client: TestClient, pool: SeededPool) -> None:
    answer = upload(client, b"\0" * (settings.max_upload_bytes + 100_000))
    assert answer.status_code == 413
    assert "WINNOW_MAX_UPLOAD_BYTES" in answer.json()["detail"]


def test_a_review_is_listed_by_an_upload_that_it_started_from(client: TestClient, pool: SeededPool) -> None:
    (sha256,) = upload(client, png(noise())).json()["query"]["uploads"]
    assert client.get(REVIEWS).json()["items"][0]["thumbnail"] == sha256


@both_databases
def test_a_part_is_cut_from_where_its_own_pool_has_the_image(
    client: TestClient, database: Database, pool: SeededPool
) -> None:
    with database.write() as session:
        folder = Folder(pool_id=create_pool(session, name="fish").id, location="/fish")
        session.add(folder)
        session.flush()
        ours = session.scalars(select(ImagePath).join(ImageRow).where(ImageRow.sha256 == pool.images[3])).one()
        ours.missing_since = now()
        # There, and so the first that would be tried.
        session.add(ImagePath(folder_id=folder.id, image_id=ours.image_id, path="theirs.png", size=1, mtime_ns=1))
    answer = start(client, crops=[{"image": pool.images[3], **QUARTER}])
    assert refused(answer, 404, "“0003.png”"), answer.text
