"""Pools, classes and images over HTTP."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from app.db import Database
from app.pools.queries import PoolLine, create_class
from tests.conftest import both_databases, one_database
from tests.pools.conftest import Importer
from tests.pools.pictures import save, write_cifar10, write_stl10

pytestmark = one_database


def test_pools_are_made_and_listed_by_name(client: TestClient) -> None:
    assert client.get("/api/v1/pools").json() == {"items": []}
    made = client.post("/api/v1/pools", json={"name": " Wading birds ", "classes_per_image": "several"})
    assert (made.status_code, made.json()) == (201, {"name": "Wading birds", "classes_per_image": "several"})
    client.post("/api/v1/pools", json={"name": "ants"})
    assert [pool["name"] for pool in client.get("/api/v1/pools").json()["items"]] == ["ants", "Wading birds"]
    assert client.get("/api/v1/pools").json()["items"][0] == {
        "name": "ants", "classes_per_image": "one", "images": 0, "classes": 0, "labelled": 0,
    }  # fmt: skip
    assert client.get("/api/v1/pools/WADING%20birds").json() == {
        "name": "Wading birds", "classes_per_image": "several", "folders": [],
    }  # fmt: skip


@pytest.mark.parametrize("path, body", [("pools", {"name": "Birds"}), ("pools/birds/classes", {"name": "OWL"})])
def test_a_name_that_differs_only_in_case_is_taken(
    client: TestClient, database: Database, pool: PoolLine, path: str, body: dict[str, str]
) -> None:
    with database.write() as session:
        create_class(session, pool_id=pool.id, name="Owl")
    answer = client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    existing = {"pools": "There is already a pool “birds”.", "pools/birds/classes": "a class “Owl”."}[path]
    assert answer.json()["detail"].endswith(existing)


@pytest.mark.parametrize("body", [{"name": ""}, {"name": "=1+1"}, {"name": "a\tb"}, {}, {"name": "a", "colour": "red"}])
def test_bad_names_and_bodies_are_refused(client: TestClient, pool: PoolLine, body: dict[str, str]) -> None:
    for path in ("pools", "pools/birds/classes"):
        answer = client.post(f"/api/v1/{path}", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert len(client.get("/api/v1/pools").json()["items"]) == 1


def test_classes_are_listed_by_name_with_their_labels(client: TestClient, importer: Importer, folder: Path) -> None:
    assert client.post("/api/v1/pools/birds/classes", json={"name": "owl"}).json() == {"name": "owl"}
    client.post("/api/v1/pools/birds/classes", json={"name": "Crane"})
    save(folder / "a.png", 1)
    save(folder / "b.png", 2)
    importer(folder)
    image = client.get("/api/v1/pools/birds/images").json()["items"][0]["id"]
    client.post("/api/v1/pools/birds/classes/owl/verdicts", json={"images": [image], "verdict": "accept"})
    assert client.get("/api/v1/pools/BIRDS/classes").json() == {
        "items": [{"name": "Crane", "accepted": 0}, {"name": "owl", "accepted": 1}]
    }
    assert [image["labels"] for image in client.get("/api/v1/pools/birds/images").json()["items"]] == [["owl"], []]
    assert client.get("/api/v1/pools").json()["items"][0] | {"name": ""} == {
        "name": "", "classes_per_image": "one", "images": 2, "classes": 2, "labelled": 1,
    }  # fmt: skip


def test_what_is_not_there_is_a_404_with_a_sentence(client: TestClient, pool: PoolLine) -> None:
    for path in ("", "/images", "/classes", "/unreadable", "/missing"):
        answer = client.get(f"/api/v1/pools/nests{path}")
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is no pool “nests”.")
    assert client.post("/api/v1/pools/nests/classes", json={"name": "owl"}).status_code == 404
    for path in ("", "/file"):
        answer = client.get(f"/api/v1/images/{'0' * 64}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "image-not-found")


def test_images_come_page_by_page(client: TestClient, importer: Importer, folder: Path) -> None:
    for number in range(5):
        save(folder / f"{number}.png", number)
    importer(folder)
    first = client.get("/api/v1/pools/birds/images?limit=2").json()
    second = client.get(f"/api/v1/pools/birds/images?limit=2&after={first['next']}").json()
    third = client.get(f"/api/v1/pools/birds/images?limit=2&after={second['next']}").json()
    assert [[image["path"] for image in page["items"]] for page in (first, second, third)] == [
        ["0.png", "1.png"], ["2.png", "3.png"], ["4.png"],
    ]  # fmt: skip
    assert third["next"] is None
    assert {name: first["items"][0][name] for name in ("width", "height", "labels")} == {
        "width": 12, "height": 8, "labels": [],
    }  # fmt: skip


def test_images_are_found_by_a_part_of_their_path(client: TestClient, importer: Importer, folder: Path) -> None:
    for number, name in enumerate(["Owl/a.png", "crane/owlet.png", "crane/b_c.png", "crane/bxc.png", "50%.png"]):
        save(folder / name, number)
    importer(folder)

    def found(text: str) -> list[str]:
        answer = client.get("/api/v1/pools/birds/images", params={"path": text})
        return [image["path"] for image in answer.json()["items"]]

    assert found("OWL") == ["Owl/a.png", "crane/owlet.png"]
    assert found("b_c") == ["crane/b_c.png"]
    assert found("%") == ["50%.png"]
    assert found("/") == ["Owl/a.png", "crane/b_c.png", "crane/bxc.png", "crane/owlet.png"]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "after=x", "after=-1", "after=99999999999999999999"])
def test_bad_paging_is_refused(client: TestClient, pool: PoolLine, query: str) -> None:
    for path in ("images", "unreadable", "missing"):
        assert client.get(f"/api/v1/pools/birds/{path}?{query}").status_code == 422


@both_databases
def test_unreadable_and_missing_files_are_listed_page_by_page(
    client: TestClient, importer: Importer, folder: Path
) -> None:
    for number in range(3):
        save(folder / f"gone-{number}.png", number)
        (folder / f"bad-{number}.png").touch()
    save(folder / "stays.png", 9)
    importer(folder)
    for number in range(3):
        (folder / f"gone-{number}.png").unlink()
    importer(folder)
    for path, name in {"unreadable": "bad", "missing": "gone"}.items():
        first = client.get(f"/api/v1/pools/birds/{path}?limit=2").json()
        second = client.get(f"/api/v1/pools/birds/{path}?limit=2&after={first['next']}").json()
        items: list[dict[str, Any]] = [*first["items"], *second["items"]]
        assert [item["path"] for item in items] == [f"{name}-{number}.png" for number in range(3)]
        assert {item["folder"] for item in items} == {str(folder)}
        assert second["next"] is None


def test_an_image_tells_all_its_places(client: TestClient, importer: Importer, folder: Path) -> None:
    shutil.copy(save(folder / "a.png", 1), folder / "b.png")
    importer(folder)
    image = client.get("/api/v1/pools/birds/images").json()["items"][0]["id"]
    assert client.get(f"/api/v1/images/{image}").json() == {
        "id": image, "width": 12, "height": 8, "format": "PNG",
        "places": [
            {"pool": "birds", "path": "a.png", "missing_since": None},
            {"pool": "birds", "path": "b.png", "missing_since": None},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("suffix, media_type", [("jpg", "image/jpeg"), ("png", "image/png"), ("tiff", "image/tiff")])
def test_the_original_is_served_as_it_is(
    client: TestClient, importer: Importer, folder: Path, suffix: str, media_type: str
) -> None:
    picture = save(folder / "sub" / f"ünder the “sea”.{suffix}", 1)
    answer = client.get(file_of_only_image(client, importer, folder))
    assert answer.content == picture.read_bytes()
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == (
        f"inline; filename*=UTF-8''%C3%BCnder%20the%20%E2%80%9Csea%E2%80%9D.{suffix}"
    )


@both_databases
def test_an_stl10_record_is_served_as_png(client: TestClient, importer: Importer, folder: Path) -> None:
    write_stl10(folder, "unlabeled", 1)
    answer = client.get(file_of_only_image(client, importer, folder))
    planes = np.frombuffer((folder / "unlabeled_X.bin").read_bytes(), np.uint8).reshape(3, 96, 96)
    assert answer.headers["Content-Type"] == "image/png"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), planes.transpose(2, 1, 0))


def test_a_cifar10_record_is_served_as_png(client: TestClient, importer: Importer, folder: Path) -> None:
    write_cifar10(folder, "test_batch", [9])
    answer = client.get(file_of_only_image(client, importer, folder))
    planes = np.frombuffer((folder / "test_batch.bin").read_bytes()[1:], np.uint8).reshape(3, 32, 32)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), planes.transpose(1, 2, 0))


def test_a_missing_original_is_read_from_its_duplicate(client: TestClient, importer: Importer, folder: Path) -> None:
    shutil.copy(save(folder / "a.png", 1), folder / "b.png")
    url = file_of_only_image(client, importer, folder)
    (folder / "a.png").unlink()
    assert client.get(url).content == (folder / "b.png").read_bytes()


def test_an_original_that_is_gone_or_changed_is_not_served(
    client: TestClient, importer: Importer, folder: Path
) -> None:
    picture = save(folder / "a.png", 1)
    url = file_of_only_image(client, importer, folder)
    save(picture, 2, size=(30, 30))
    changed = client.get(url)
    assert (changed.status_code, changed.json()["code"]) == (409, "original-changed")
    picture.unlink()
    gone = client.get(url)
    assert (gone.status_code, gone.json()["code"]) == (404, "original-missing")
    assert str(folder) not in gone.text + changed.text


def test_a_link_put_in_an_originals_place_does_not_lead_out_of_the_folder(
    client: TestClient, importer: Importer, folder: Path, tmp_path: Path
) -> None:
    picture = save(folder / "sub" / "a.png", 1)
    url = file_of_only_image(client, importer, folder)
    status = picture.stat()
    (tmp_path / "secret").mkdir()
    secret = tmp_path / "secret" / "a.png"
    secret.write_bytes(bytes(status.st_size))
    os.utime(secret, ns=(status.st_atime_ns, status.st_mtime_ns))

    picture.unlink()
    picture.symlink_to(secret)
    assert client.get(url).status_code == 404
    shutil.rmtree(folder / "sub")
    (folder / "sub").symlink_to(tmp_path / "secret")
    assert client.get(url).status_code == 404


def file_of_only_image(client: TestClient, importer: Importer, folder: Path) -> str:
    assert importer(folder).new == 1
    image = client.get("/api/v1/pools/birds/images").json()["items"][0]["id"]
    return f"/api/v1/images/{image}/file"
