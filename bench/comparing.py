"""What a comparison of two index versions says, and how far its replay can be trusted.

    python -m bench.comparing --images PICTURES/imagenette-96/val --encoder tests/ml/encoders/colour-grid

The pictures, CLASS/FILE, are imported into a pool and indexed by the encoder that comes along and by the one named.
Perfect annotators make a review of each class on the first version, ten pages of sixty. The two are compared by what
was decided in the reviews, as people would, and once more when every picture is labelled: then the replay knows all
matches and mistakes of both. All that is taken back, and done again with reviews on the second version. With --home the
pool is kept for the next time.
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
from sqlalchemy import select
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
from app.tables import Commit
from app.verdicts.queries import STANDS
from ml.artifacts import EncoderManifest

POOL = "pool"
API = f"/api/v1/pools/{POOL}"
PAGES = 10
SIZE = 60


def main() -> None:
    """Print a table: a line for each pool and each time it is compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True, help="the folder of another encoder")
    parser.add_argument("--home", type=Path, help="where the pool is kept")
    options = parser.parse_args()
    table = Table("reviews on", "labelled", "accepted", "rejects", "change", "kNN", "probe", "at 60", "overlap", "s")
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(home=options.home or Path(scratch), import_roots=(options.images,), planted_per_page=0)
        name = EncoderManifest.read(options.encoder).name
        database = Database(settings.database)
        upgrade(database)
        if not (settings.home / "encoders" / name).exists():
            shutil.copytree(options.encoder, settings.home / "encoders" / name)
            _make(database, settings, options.images.absolute(), [settings.encoder, name])
        with TestClient(create_app(settings), base_url="http://localhost", client=("127.0.0.1", 50000)) as client:
            listed = client.get(f"{API}/index-versions").json()["items"]
            versions = sorted(item["id"] for item in listed)
            truth = _truth(client)
            for served in versions:
                client.put(f"{API}/served", json={"index_version": served}).raise_for_status()
                encoder = next(item["encoder"] for item in listed if item["id"] == served)
                _take_back(client, database)
                for class_name in sorted(set(truth.values())):
                    _review(client, truth, class_name)
                table.add_row(encoder, "in reviews", *_compared(database, settings, versions))
                for class_name in sorted(set(truth.values())):
                    images = [image for image, own in truth.items() if own == class_name]
                    body = {"images": images, "verdict": "accept"}
                    client.post(f"{API}/classes/{class_name}/verdicts", json=body).raise_for_status()
                table.add_row(encoder, "all", *_compared(database, settings, versions))
        database.dispose()
    Console(width=140).print(table)


def _make(database: Database, settings: Settings, folder: Path, encoders: list[str]) -> None:
    """Make the pool of the folder's pictures, with an index version by each of these encoders."""
    with database.write() as session:
        pool_id = create_pool(session, name=POOL).id
    import_here(database, settings, pool_id=pool_id, folder=folder, report=lambda *_: None)
    for encoder in encoders:
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


def _take_back(client: TestClient, database: Database) -> None:
    """Undo all commits, the last ones first."""
    with database.read() as session:
        standing = session.execute(select(Commit.id, Commit.page_id).where(STANDS).order_by(Commit.id.desc())).all()
    for commit, page in standing:
        path = f"commits/{commit}" if page is None else f"pages/{page}/commit"
        client.delete(f"/api/v1/{path}").raise_for_status()


def _truth(client: TestClient) -> dict[str, str]:
    truth: dict[str, str] = {}
    after = ""
    while True:
        listed = client.get(f"{API}/images?limit=500{after}").json()
        truth |= {item["id"]: PurePosixPath(item["path"]).parent.name for item in listed["items"]}
        if not listed["next"]:
            return truth
        after = f"&after={listed['next']}"


def _review(client: TestClient, truth: dict[str, str], class_name: str) -> None:
    client.post(f"{API}/classes", json={"name": class_name})  # it may be there from before
    members = sorted(image for image, own in truth.items() if own == class_name)
    start = {"class": class_name, "query": {"images": [members[0]]}}
    review = client.post(f"{API}/reviews", json=start).json()["id"]
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
