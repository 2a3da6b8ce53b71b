"""What a million verdicts cost: page turns, pages for people, and the export, beside the same pool without them.

    python -m bench.verdicts [--postgresql] [--images 100000] [--verdicts 1000000] [--turns 100]

A database of its own is made in a temporary folder: a pool of made-up vectors, verdicts of twenty people on twenty
classes in commits of a page each, one commit in a hundred undone. With --postgresql it lies in a server that is
started for it. Then `winnow serve` is asked as browsers and programs ask it. Processor time is the server's own; what
PostgreSQL works for it is not in it.
"""

from __future__ import annotations

import argparse
import http.client
import os
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, insert, text

from app.db import Database
from app.migrations import upgrade
from app.settings import Settings
from app.tables import (
    Commit,
    Encoder,
    Folder,
    Image,
    ImagePath,
    IndexVersion,
    JournalEntry,
    Label,
    LabelClass,
    Page,
    PageCandidate,
    Person,
    Pool,
    PoolImage,
    Review,
    ReviewQuery,
    Served,
    Verdict,
)
from app.words import ACCEPT, REJECT, UNSURE
from bench.page_turn import MEGABYTE, Api, serving, status_of
from tests.postgres import server_for_tests
from tests.seeded import publish_index

CLASSES = 20
PEOPLE = 20
PAGE = 59
DIMENSION = 512
UNDONE_EACH = 100
AT_ONCE = 20_000
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = 100_000  # ids that the turns before may take


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--verdicts", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--pages", type=int, default=20, help="how often each page for people is asked for")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="winnow-verdicts-") as folder, database_url(wanted.postgresql) as url:
        settings = Settings(home=Path(folder), database_url=url)
        os.environ["WINNOW_DATABASE_URL"] = url
        database = Database(settings.database)
        upgrade(database)
        make_pool(settings, database, images=wanted.images)
        database.count_anew()
        with serving(settings.home) as (port, pid):
            measure_turns(port, pid, "without verdicts", ["new"], wanted.turns)
        began = time.perf_counter()
        stored = give_verdicts(database, images=wanted.images, verdicts=wanted.verdicts)
        print(f"made {stored:,} verdicts in {time.perf_counter() - began:.0f} s")
        database.dispose()
        with serving(settings.home) as (port, pid):
            measure_turns(port, pid, f"with {stored:,} verdicts", ["newer", "class 07"], wanted.turns)
            measure_pages(port, pid, wanted.pages)
        for rows in ("labels", "verdicts"):
            # A server of its own for each: what one has taken, Python keeps.
            with serving(settings.home) as (port, pid):
                measure_export(port, pid, rows)
        with serving(settings.home) as (port, pid):
            measure_rules(port, pid)


@contextmanager
def database_url(postgresql: bool) -> Iterator[str]:
    """Yield the URL of an empty PostgreSQL database, or "" for SQLite."""
    if not postgresql:
        yield ""
        return
    with server_for_tests("verdicts") as server:
        yield server.url


def make_pool(settings: Settings, database: Database, *, images: int) -> None:
    """Fill the database as an import and a reindex would have, with an index of vectors around twenty directions."""
    random = np.random.default_rng(0)
    kinds = kinds_of(images)
    vectors = random.standard_normal((CLASSES, DIMENSION), dtype=np.float32)[kinds]
    vectors += 1.5 * random.standard_normal(vectors.shape, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    digests = [f"{number:064x}" for number in range(images)]
    publish_index(settings.indexes / "made-up", vectors, digests)
    numbers = range(1, images + 1)
    with database.write() as session:
        connection = session.connection()
        fill(connection, Pool, [{"id": 1, "name": "big", "name_key": "big"}])
        fill(connection, Encoder, [{"id": 1, "name": "made-up", "digest": "0" * 64, "dimension": DIMENSION}])
        fill(connection, Folder, [{"id": 1, "pool_id": 1, "location": "/pictures"}])
        version = {"id": 1, "pool_id": 1, "encoder_id": 1, "artifact": "made-up", "count": images}
        fill(connection, IndexVersion, [version])
        fill(connection, Served, [{"pool_id": 1, "index_version_id": 1}])
        common = {"width": 8, "height": 8, "format": "PNG"}
        fill(connection, Image, [{"id": n, "sha256": digests[n - 1], **common} for n in numbers])
        fill(connection, PoolImage, [{"pool_id": 1, "image_id": n} for n in numbers])
        common = {"folder_id": 1, "size": 1, "mtime_ns": 1}
        paths = [{"image_id": n, "path": f"thing-{kinds[n - 1]:02}/{n:06}.png", **common} for n in numbers]
        fill(connection, ImagePath, paths)
        count_on(connection)


def give_verdicts(database: Database, *, images: int, verdicts: int) -> int:
    """Store about so many verdicts with all that belongs to them, and return how many they are."""
    kinds = kinds_of(images)
    random = np.random.default_rng(1)
    orders = [random.permutation(images) for _ in range(CLASSES)]
    with database.write() as session:
        connection = session.connection()
        people = [{"id": n, "name": f"person {n}", "name_key": f"person {n}"} for n in range(2, PEOPLE + 2)]
        fill(connection, Person, people)
        classes = [
            {"id": 100 + n, "pool_id": 1, "name": f"class {n:02}", "name_key": f"class {n:02}"} for n in range(CLASSES)
        ]
        fill(connection, LabelClass, classes)
        reviews = [
            {"id": 1000 + PEOPLE * c + p, "pool_id": 1, "class_id": 100 + c, "person_id": 2 + p, "index_version_id": 1}
            for c in range(CLASSES)
            for p in range(PEOPLE)
        ]
        fill(connection, Review, reviews)
        fill(connection, ReviewQuery, [{"review_id": line["id"], "position": 0, "image_id": 1} for line in reviews])
        stored = 0
        commits = verdicts // PAGE
        for first in range(0, commits, 500):
            stored += _commits(connection, range(first, min(first + 500, commits)), kinds, orders, stored)
        count_on(connection)
    with database.write() as session:
        session.connection().exec_driver_sql("ANALYZE")
    return stored


def _commits(
    connection: Connection, numbers: range, kinds: NDArray[np.intp], orders: list[NDArray[np.intp]], stored: int
) -> int:
    pages, candidates, commits, given, labels, journal = [], [], [], [], [], []
    before = stored
    for number in numbers:
        class_, turn = number % CLASSES, number // CLASSES
        person = (turn + class_) % PEOPLE
        of = {"review_id": 1000 + PEOPLE * class_ + person}
        commit_id = 10_000 + number
        by = {"pool_id": 1, "class_id": 100 + class_, "person_id": 2 + person}
        at = BEGAN + timedelta(seconds=10 * number)
        undone = number % UNDONE_EACH == UNDONE_EACH - 1
        pages.append({"id": commit_id, "number": 1 + turn, **of})
        commit = {"id": commit_id, "kind": "page", "page_id": commit_id, "created_at": at, "generation": 0, **by, **of}
        commits.append({**commit, "undoes_id": None, "answer": None})
        journal.append({"act": "page", "commit_id": commit_id, "at": at, **by})
        if undone:
            undo = {"id": 100_000 + number, "kind": "undo", "undoes_id": commit_id, "page_id": None, "generation": None}
            commits.append({**commit, **undo, "answer": None})
            journal.append({"act": "undo", "commit_id": undo["id"], "at": at, **by})
        order, already = orders[class_], len(given)
        for position, image in enumerate(order[PAGE * turn : PAGE * (turn + 1)].tolist()):
            stored += 1
            value = "accept" if kinds[image] == class_ else "unsure" if stored % 100 == 0 else "reject"
            row = {"class_id": 100 + class_, "image_id": image + 1, "value": value}
            score = 1 - position / 100
            candidates.append({"page_id": commit_id, "position": position, "image_id": image + 1, "score": score})
            given.append({"id": BEFORE + stored, "commit_id": commit_id, "score": score, **row})
            if not undone:
                labels.append({"verdict_id": BEFORE + stored, **row})
        counts = Counter(line["value"] for line in given[already:])
        answer = {f"{value}ed": counts[value] for value in (ACCEPT, REJECT)} | {"unsure": counts[UNSURE]}
        commits[-2 if undone else -1]["answer"] = answer
    for table, rows in (
        (Page, pages),
        (PageCandidate, candidates),
        (Commit, commits),
        (JournalEntry, journal),
        (Verdict, given),
        (Label, labels),
    ):
        fill(connection, table, rows)
    return stored - before


def fill(connection: Connection, table: type[Any], rows: list[dict[str, Any]]) -> None:
    target: Table = table.__table__
    for start in range(0, len(rows), AT_ONCE):
        connection.execute(insert(target), rows[start : start + AT_ONCE])


def count_on(connection: Connection) -> None:
    """Let PostgreSQL number new rows after those that brought their own numbers; SQLite does so by itself."""
    if connection.dialect.name == "postgresql":
        for table in (Pool, Encoder, Folder, IndexVersion, Image, Person, LabelClass, Review, Page, Commit, Verdict):
            name = f'"{table.__tablename__}"'
            sequence = f"pg_get_serial_sequence('{name}', 'id')"
            connection.execute(text(f"SELECT setval({sequence}, (SELECT coalesce(max(id), 1) FROM {name}))"))


def kinds_of(images: int) -> NDArray[np.intp]:
    """What is to be seen on each image: the number of the class that it belongs to."""
    return np.random.default_rng(2).integers(0, CLASSES, images)


def measure_turns(port: int, pid: int, when: str, classes: list[str], turns: int) -> None:
    """Commit pages, rejecting what does not lie in the folder of the query's picture, after a look ahead and without.

    A browser looks ahead while a page is read, by the marks as they are then; that is not what somebody waits for.
    """
    api = Api(port)
    for name in classes:
        if name.startswith("new"):
            api("POST", "/pools/big/classes", {"name": name})
        image = api("GET", "/pools/big/images?limit=1&path=thing-07")["items"][0]["id"]
        review = api("POST", "/pools/big/reviews", {"class": name, "query": {"images": [image]}})["id"]
        page = api("POST", f"/reviews/{review}/pages", {"size": 60})
        for looked in ("", "after a look ahead, "):
            times, worked = [], 0.0
            for _ in range(turns + 1):
                if not page["candidates"]:
                    break
                rejected = [tile["image"] for tile in page["candidates"] if not tile["path"].startswith("thing-07/")]
                if looked:
                    api("POST", f"/pages/{page['id']}/ahead", {"rejected": rejected})
                decision = {"rejected": rejected, "key": secrets.token_hex(8), "next": {"size": 60}}
                before, start = processor_seconds(pid), time.perf_counter()
                page = api("POST", f"/pages/{page['id']}/commit", decision)["next"]
                times.append(time.perf_counter() - start)
                worked += processor_seconds(pid) - before
            tell(f"{when}, {name}: {looked}commit with the next page", times[1:], worked)


def measure_pages(port: int, pid: int, turns: int) -> None:
    """Ask for what people look at, and for what their pages ask."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    pool, image, owl = "/pools/big", f"{70:064x}", "/classes/class%2007"
    for what, path in {
        "home": "/",
        "pool": pool,
        "class": pool + owl,
        "class, its accepted images": f"/api/v1{pool}{owl}/images",
        "class, its rejected images": f"/api/v1{pool}{owl}/images?verdict=reject&limit=500",
        "class, before a merge": f"/api/v1{pool}{owl}/merge?into=class%2008",
        "class, how far people agree": f"/api/v1{pool}{owl}/agreement",
        "classes": f"/api/v1{pool}/classes",
        "images": f"/api/v1{pool}/images",
        "files": f"{pool}/files",
        "members": f"{pool}/members",
        "jobs": "/jobs",
        "encoders": f"{pool}/encoders",
        "reviews of the pool": f"/api/v1{pool}/reviews",
        "review": "/reviews/1000",
        "review, its pages": "/api/v1/reviews/1000",
        "review, its outlook": "/api/v1/reviews/1140/outlook",
        "stored page": "/pages/10007",
        "journal": f"{pool}/journal",
        "journal, of a person": f"{pool}/journal?person=person+5",
        "journal, of an image": f"{pool}/journal?image={image}",
        "journal, of all pools": "/api/v1/journal",
        "image, and why": f"{pool}/images/{image}",
        "rule": f"/api/v1{pool}/rule",
        "disagreements": f"{pool}/disagreements",
        "disagreements, listed": f"/api/v1{pool}/disagreements",
        "people at work": f"/api/v1{pool}/at-work",
    }.items():
        times = []
        for turn in range(turns + 1):
            if turn == 1:
                worked = processor_seconds(pid)
            start = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path}: {answer.status}")
            times.append(time.perf_counter() - start)
        tell(f"page: {what}", times[1:], processor_seconds(pid) - worked)


def measure_export(port: int, pid: int, rows: str) -> None:
    """Read the whole CSV as quickly as it comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/api/v1/pools")
    connection.getresponse().read()
    before, worked = status_of(pid, "VmRSS"), processor_seconds(pid)
    start = time.perf_counter()
    connection.request("GET", f"/api/v1/pools/big/labels.csv?rows={rows}&verdict=any")
    answer = connection.getresponse()
    first, lines, size = None, -1, 0
    while block := answer.read1(1 << 16):
        first = first or time.perf_counter() - start
        lines += block.count(b"\n")
        size += len(block)
    seconds, worked = time.perf_counter() - start, processor_seconds(pid) - worked
    if lines != int(answer.headers["X-Winnow-Rows"]):
        raise SystemExit(f"{lines} rows came of {answer.headers['X-Winnow-Rows']}")
    print(
        f"export of {rows}: {lines:,} rows, {size / MEGABYTE:.0f} MB in {seconds:.1f} s, {lines / seconds:,.0f} rows/s,"
        f" {lines / worked:,.0f} a second of processor time "
        f"(the first after {first:.2f} s), memory + {(status_of(pid, 'VmHWM') - before) / MEGABYTE:.0f} MB at the most"
    )


def measure_rules(port: int, pid: int) -> None:
    """Give the pool other rules; under a majority every label becomes another."""
    api = Api(port)
    for rule, majority_of in (("lead", None), ("majority", 2), ("latest", None)):
        start, worked = time.perf_counter(), processor_seconds(pid)
        changed = api("PUT", "/pools/big/rule", {"rule": rule, "majority_of": majority_of})["changed"]
        seconds, worked = time.perf_counter() - start, processor_seconds(pid) - worked
        print(f"rule {rule}: {seconds:.1f} s, {worked:.1f} of processor time; {changed:,} images changed", flush=True)


def processor_seconds(pid: int) -> float:
    """Return how long a process has worked so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tell(what: str, seconds: list[float], worked: float | None = None) -> None:
    ordered = sorted(1000 * second for second in seconds)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    processor = "" if worked is None else f", {1000 * worked / len(ordered):.1f} ms of processor time"
    print(f"{what}: median {median(ordered):.1f} ms, p95 {p95:.1f} ms of {len(ordered)}{processor}", flush=True)


if __name__ == "__main__":
    main()
