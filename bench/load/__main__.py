"""Many annotators at once on one server, while a reindex runs behind them.

    python -m bench.load [--annotators 20] [--minutes 8] [--pictures FOLDER]
    python -m bench.load --sqlite --annotators 5

A scratch home is made: a pool of 100,000 made-up vectors in heaps, one heap a class, and, of the pictures in FOLDER, a
second pool that is reindexed meanwhile by a worker at niceness 19. The annotators are scripts in one process on the
same machine; they talk HTTP to several web processes and look at a page for about 12 seconds (60 tiles of 0.2 s), each
at a pace of its own that is the same in every run. Meanwhile they do what a browser does: look ahead, fetch the next
page's thumbnails, ask for the outlook and for who is at work. Afterwards the pace is given up for half a minute: the
pages a second then are what the server can do at most, with this load generator beside it.

At the end: nothing shown twice, no verdict lost or doubled, and the exported labels are what the scripts believe to
have given. The exit status is 1 if one of these is broken, 2 if only the time is.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from statistics import median

import httpx2

from app.db import Database
from app.migrations import upgrade
from app.settings import Settings
from bench.load import proof, servers
from bench.load.annotators import Annotator, Notes
from bench.load.made_up import make_pool
from bench.load.people import log_in_all

POOL, BESIDE = "made up", "beside"
CLASSES = 10
TARGET_MS = 150
FLAT_OUT_S = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sqlite", action="store_true", help="instead of a PostgreSQL of its own")
    parser.add_argument("--annotators", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2, help="web processes")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--pictures", type=Path, help="what is reindexed meanwhile; nothing without it")
    options = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="winnow-load-")))
        url = "" if options.sqlite else stack.enter_context(servers.postgres())
        settings = Settings(home=home, database_url=url)
        database = Database(settings.database)
        upgrade(database)
        truth = make_pool(settings, database, name=POOL, count=options.images, classes=CLASSES)
        admin, annotators = log_in_all(database, pool=POOL, annotators=options.annotators)
        database.dispose()
        environment = {"WINNOW_HOME": str(home), "WINNOW_DATABASE_URL": url, "OMP_WAIT_POLICY": "PASSIVE"}
        if options.pictures:
            environment["WINNOW_IMPORT_ROOTS"] = str(options.pictures.absolute().parent)
            stack.enter_context(servers.worker(environment))
        address = stack.enter_context(servers.web(environment, workers=options.workers))
        sys.exit(asyncio.run(_measure(address, options, truth, admin, annotators)))


async def _measure(
    address: str, options: argparse.Namespace, truth: dict[str, str], admin: str, annotators: list[str]
) -> int:
    async with AsyncExitStack() as stack:

        async def logged_in(cookie: str) -> httpx2.AsyncClient:
            client = httpx2.AsyncClient(base_url=address, timeout=60, cookies={"winnow": cookie})
            return await stack.enter_async_context(client)

        client = await logged_in(admin)
        beside = await _reindex(client, options.pictures) if options.pictures else None
        people = [
            Annotator(
                await logged_in(cookie), pool=POOL, class_name=f"class {number % CLASSES}", truth=truth, seed=number
            )
            for number, cookie in enumerate(annotators)
        ]
        for person in people:
            await person.begin()
        before = os.times()
        begin = time.monotonic()
        await _work(people, seconds=60 * options.minutes, think=True)
        seconds = time.monotonic() - begin
        used = os.times()
        paced = [turn for person in people for turn in person.notes.turns]
        done, total, state = await beside() if beside else (0, 0, "none")
        await _work(people, seconds=FLAT_OUT_S, think=False)
        flat_out = [turn for person in people for turn in person.notes.turns][len(paced) :]
        flat_out_turns = sum(len(person.notes.turns) for person in people) - len(paced)
        notes = [person.notes for person in people]
        labels = (await client.get(f"/api/v1/pools/{POOL}/labels.csv")).text
        journal = (await client.get(f"/api/v1/pools/{POOL}/labels.csv?rows=verdicts")).text
    generator = (used.user + used.system - before.user - before.system) / seconds
    where = "SQLite" if options.sqlite else "PostgreSQL, fsync on"
    print(f"{options.annotators} annotators, {options.images:,} images, {options.workers} web processes, {where}")
    print(f"paced: {len(paced)} pages in {seconds:.0f} s; the load generator took {generator:.2f} of a core")
    far = f"{state}, {done:,} of {total or 0:,} in its last part"
    print(f"reindex beside it: {far}" if beside else "no reindex beside it")
    p95 = _quantile(paced, 0.95)
    print(
        f"commit + next page: median {median(paced):.0f} ms, p95 {p95:.0f} ms, p99 {_quantile(paced, 0.99):.0f} ms, "
        f"at most {max(paced):.0f} ms (p95 < {TARGET_MS} ms {'holds' if p95 < TARGET_MS else 'MISSED'})"
    )
    print(f"flat out: {flat_out_turns / FLAT_OUT_S:.1f} pages a second, median {median(flat_out):.0f} ms")
    broken = _prove(notes, journal, labels)
    return 1 if broken else 2 if p95 >= TARGET_MS else 0


async def _work(people: list[Annotator], *, seconds: float, think: bool) -> None:
    until = time.monotonic() + seconds
    await asyncio.gather(*(person.work(until=until, think=think) for person in people))


async def _reindex(client: httpx2.AsyncClient, pictures: Path) -> Callable[[], object]:
    """Import the pictures into a pool beside the other and begin to reindex it; return what tells how far it is."""
    (await client.post("/api/v1/pools", json={"name": BESIDE})).raise_for_status()
    answer = await client.post(f"/api/v1/pools/{BESIDE}/imports", json={"folder": str(pictures.absolute())})
    job = answer.raise_for_status().json()["job"]
    while (await client.get(f"/api/v1/jobs/{job}")).json()["state"] in {"queued", "running"}:
        await asyncio.sleep(1)
    job = (await client.post(f"/api/v1/pools/{BESIDE}/reindex")).raise_for_status().json()["job"]

    async def how_far() -> tuple[int, int | None, str]:
        found = (await client.get(f"/api/v1/jobs/{job}")).json()
        return found["done"], found["total"], found["state"]

    return how_far


def _prove(notes: list[Notes], journal: str, labels: str) -> bool:
    """Print what must hold; return whether something does not."""
    lost, doubled = proof.lost_and_doubled(notes, journal)
    found = {
        "candidates shown twice": proof.shown_twice(notes),
        "verdicts lost": lost,
        "verdicts doubled": doubled,
        "labels that differ from what the annotators believe": proof.differing_labels(notes, labels),
        "decided by others meanwhile": sum(note.by_others for note in notes),
        "requests that failed": sum(len(note.troubles) for note in notes),
    }
    verdicts = sum(len(note.verdicts) for note in notes)
    print(f"{verdicts:,} verdicts; " + ", ".join(f"{count} {what}" for what, count in found.items()))
    with suppress(StopIteration):
        print("the first trouble:", next(trouble for note in notes for trouble in note.troubles))
    return any(found.values())


def _quantile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[int(share * (len(ordered) - 1))]


if __name__ == "__main__":
    main()
