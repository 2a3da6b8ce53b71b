"""What a comparison of two index versions says, and how far its replay can be trusted.

    python -m bench.comparing --images PICTURES/imagenette-96/val --encoder tests/ml/encoders/colour-grid

The pictures, CLASS/FILE, are imported into a pool of a home of its own and indexed by the encoder that comes along and
by the one named. Perfect annotators make a review of each class on either version, ten pages of sixty, in a pool of
its own. Each pool is then compared by what was decided in the reviews, as people would, and once more when every
picture is labelled: then the replay knows all mistakes of both, and what the first one got wrong by knowing only those
of the version used is seen.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from starlette.testclient import TestClient

from app.db import Database
from app.jobs import lifecycle
from app.jobs.comparing import compare
from app.jobs.imports import import_here
from app.jobs.reindex import reindex
from app.jobs.work import do_now
from app.main import create_app
from app.migrations import upgrade
from app.pools.queries import create_pool
from app.registry.queries import version
from app.settings import Settings
from ml.artifacts import EncoderManifest

PAGES = 10
SIZE = 60


def main() -> None:
    """Print a table: a line for each pool and each time it is compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True, help="the folder of another encoder")
    options = parser.parse_args()
    table = Table("reviews on", "labelled", "accepted", "rejects", "change", "kNN", "probe", "at 60", "overlap", "s")
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home), import_roots=(options.images,), planted_per_page=0)
        name = EncoderManifest.read(options.encoder).name
        shutil.copytree(options.encoder, settings.home / "encoders" / name)
        database = Database(settings.database)
        upgrade(database)
        for number, begun_on in enumerate((settings.encoder, name)):
            pool = f"pool {number}"
            versions = _ready(database, settings, options.images.absolute(), pool, [settings.encoder, name])
            with TestClient(create_app(settings), base_url="http://localhost") as client:
                api = f"/api/v1/pools/{pool}"
                client.put(f"{api}/served", json={"index_version": versions[number]}).raise_for_status()
                truth = _truth(client, api)
                for class_name in sorted(set(truth.values())):
                    _review(client, api, truth, class_name)
                table.add_row(begun_on, "in reviews", *_compared(database, settings, versions))
                for class_name in sorted(set(truth.values())):
                    images = [image for image, own in truth.items() if own == class_name]
                    body = {"images": images, "verdict": "accept"}
                    client.post(f"{api}/classes/{class_name}/verdicts", json=body).raise_for_status()
                table.add_row(begun_on, "all", *_compared(database, settings, versions))
        database.dispose()
    Console(width=140).print(table)


def _ready(database: Database, settings: Settings, folder: Path, pool: str, encoders: list[str]) -> list[int]:
    """Return a pool of the folder's pictures, and its index versions by these encoders."""
    with database.write() as session:
        pool_id = create_pool(session, name=pool).id
    import_here(database, settings, pool_id=pool_id, folder=folder, report=lambda *_: None)
    results = [
        do_now(
            database,
            settings,
            kind=lifecycle.REINDEX,
            pool_id=pool_id,
            arguments={"encoder": encoder},
            perform=reindex,
            watch=lambda _: None,
            say=print,
        )
        for encoder in encoders
    ]
    return [result["index_version"] for result in results]


def _truth(client: TestClient, api: str) -> dict[str, str]:
    truth: dict[str, str] = {}
    after = ""
    while True:
        listed = client.get(f"{api}/images?limit=500{after}").json()
        truth |= {item["id"]: PurePosixPath(item["path"]).parent.name for item in listed["items"]}
        if not listed["next"]:
            return truth
        after = f"&after={listed['next']}"


def _review(client: TestClient, api: str, truth: dict[str, str], class_name: str) -> None:
    client.post(f"{api}/classes", json={"name": class_name}).raise_for_status()
    members = sorted(image for image, own in truth.items() if own == class_name)
    start = {"class": class_name, "query": {"images": [members[0]]}}
    review = client.post(f"{api}/reviews", json=start).json()["id"]
    for _ in range(PAGES):
        page = client.post(f"/api/v1/reviews/{review}/pages", json={"size": SIZE}).json()
        if page["id"] is None:
            return
        wrong = [tile["image"] for tile in page["candidates"] if truth[tile["image"]] != class_name]
        opened = [below["image"] for tile in page["candidates"] for below in tile["beneath"]]
        body = {"rejected": wrong + [image for image in opened if truth[image] != class_name], "opened": opened}
        answer = client.post(f"/api/v1/pages/{page['id']}/commit", json=body)
        assert answer.status_code < 300, answer.text


def _compared(database: Database, settings: Settings, versions: list[int]) -> list[str]:
    began = time.perf_counter()
    with database.read() as session:
        first, second = (version(session, id=id) for id in versions)
        found = compare(session, settings.indexes, first=first, second=second, told=lambda *_: None)
    seconds = time.perf_counter() - began
    json.dumps(found, allow_nan=False)
    replay: dict[str, Any] = found["replay"]
    change = f"{replay['change']:+.0%} ({replay['low']:+.0%} to {replay['high']:+.0%})" if replay["first"] else "–"
    shares = [f"{100 * row['first']:.1f} / {100 * row['second']:.1f}" for row in found["measures"]]
    overlap = np.round([100 * found["overlap"][depth]["value"] for depth in ("10", "60")]).astype(int)
    print(found["sentence"])
    return [
        f"{replay['accepted']:,}", f"{replay['first']:,} / {replay['second']:,}", change, *shares,
        f"{overlap[0]} %, {overlap[1]} %", f"{seconds:.0f}",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
