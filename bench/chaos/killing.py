"""One run: so many kills at random moments, with a proof after each, and a last one when all has come to rest."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from sqlalchemy import func, select

from app.tables import Job, Pool, PoolImage
from app.words import QUEUED, RUNNING
from bench.chaos.house import SERVER, WORKER, House
from bench.chaos.people import Annotator, Client, Engineer
from bench.chaos.proof import faults

_AT_REST_WITHIN_S = 300


@dataclass
class Outcome:
    """What came of a run; `faults` is empty if every promise was kept."""

    kills: Counter[str] = field(default_factory=Counter)
    under_way: Counter[str] = field(default_factory=Counter)  # at how many kills something was
    requests: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    slowest_start_s: float = 0
    faults: list[str] = field(default_factory=list)


def kill_at_random(house: House, *, kills: int, seed: int, annotators: int, say: Callable[[str], None]) -> Outcome:
    """Let people work, kill server or worker so many times, and return what came of it."""
    chance = random.Random(seed)
    over = threading.Event()
    clients: list[Client] = [Annotator(house, f"annotator {n}", f"{seed} {n}", over) for n in range(annotators)]
    clients.append(Engineer(house, "engineer", f"{seed} engineer", over))
    outcome = Outcome()
    for name in (SERVER, WORKER):
        house.start(name)
    house.wait_until_up()
    for client in clients:
        client.start()
    proved: Counter[str] = Counter()  # client -> how many of its commits were found
    for number in range(1, kills + 1):
        victim = SERVER if chance.random() < 0.6 else WORKER
        _let_time_pass(chance, clients)
        outcome.under_way.update(_under_way(house, clients))
        with_children = chance.random() < 0.5
        house.kill(victim, with_children=with_children)
        outcome.kills[f"{victim}{' with its children' if with_children else ''}"] += 1
        fresh = {client.name: client.told.commits[proved[client.name] :] for client in clients}
        answered = [entry for entries in fresh.values() for entry in entries]
        outcome.faults += [f"After kill {number}: {fault}" for fault in faults(house, answered)]
        proved.update({name: len(entries) for name, entries in fresh.items()})
        house.start(victim)
        # Now and then it is killed again while it starts.
        if victim == SERVER and chance.random() < 0.85:
            outcome.slowest_start_s = max(outcome.slowest_start_s, house.wait_until_up())
        if number % 10 == 0:
            say(f"{number} kills, {proved.total():,} commits acknowledged, {len(outcome.faults)} faults")
    house.wait_until_up()
    over.set()
    for client in clients:
        client.join(120)
        outcome.faults += client.told.faults + ([f"{client.name} hangs."] if client.is_alive() else [])
        outcome.requests += client.told.counts
    outcome.faults += [f"In the end: {fault}" for fault in _at_rest(house)]
    acknowledged = [entry for client in clients for entry in client.told.commits]
    outcome.faults += [f"In the end: {fault}" for fault in faults(house, acknowledged)]
    outcome.commits = len(acknowledged)
    with house.database.read() as session:
        for kind, state, count in session.execute(
            select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)
        ):
            outcome.jobs[f"{kind} {state}"] += count
    return outcome


def _let_time_pass(chance: random.Random, clients: list[Client]) -> None:
    """Wait for a random moment: one time in two for one within a commit, which is a short time."""
    if chance.random() < 0.5:
        time.sleep(chance.uniform(0, 1.5))
        return
    until = time.monotonic() + 3
    while time.monotonic() < until and not any(client.doing == "commit" for client in clients):
        time.sleep(0.0005)
    time.sleep(chance.uniform(0, 0.015))


def _under_way(house: House, clients: list[Client]) -> set[str]:
    with house.database.read() as session:
        running = set(session.scalars(select(Job.kind).where(Job.state == RUNNING)))
    return running | {client.doing for client in clients if client.doing is not None}


def _at_rest(house: House) -> list[str]:
    """Let all jobs end, import and reindex everything once more, and see that all pictures are there."""
    told = []
    for name in house.pools:
        _wait_for_jobs(house)
        pool = f"/api/v1/pools/{quote(name)}"
        house.ask("POST", f"{pool}/imports", {"folder": str(house.pictures / name), "reindex": True})
        _wait_for_jobs(house)
        with house.database.read() as session:
            images = session.scalar(
                select(func.count())
                .select_from(PoolImage)
                .join(Pool, Pool.id == PoolImage.pool_id)
                .where(Pool.name == name)
            )
        served = house.ask("GET", f"{pool}/served")[1]["index_version"]["count"]
        files = len(list((house.pictures / name).glob("*.png")))
        if not images == files == served:
            told.append(f"“{name}” has {images} images of {files} files, and serves {served}.")
    return told


def _wait_for_jobs(house: House) -> None:
    until = time.monotonic() + _AT_REST_WITHIN_S
    while time.monotonic() < until:
        with house.database.read() as session:
            if not session.scalar(select(func.count()).where(Job.state.in_((QUEUED, RUNNING)))):
                return
        time.sleep(0.2)
    raise RuntimeError("Jobs do not come to an end.")
