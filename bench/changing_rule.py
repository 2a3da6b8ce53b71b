"""Changing a pool's rule, and what people's disagreeing costs a page, with made-up verdicts in a database of its own.

    python -m bench.changing_rule --verdicts 100000
    python -m bench.changing_rule --verdicts 1000000 --database postgresql+psycopg://…

Two people: the first judges two thirds of the images, the second the other third and half of what the first judged,
and differs in one of twenty. All in pages of 60. The database has to be empty; without one, a SQLite file is made.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.db import Database
from app.migrations import upgrade
from app.tables import Commit, Image, LabelClass, Person, Pool, PoolImage, Verdict
from app.verdicts import journal
from app.verdicts.journal import NewVerdict
from app.verdicts.queries import waiting_for_others
from app.verdicts.rules import change_rule
from app.words import ACCEPT, LATEST, LEAD, MAJORITY, REJECT, Rule

PAGE = 60
RULES: list[tuple[Rule, int | None]] = [(LATEST, None), (LEAD, None), (MAJORITY, 2), (LATEST, None)]
ROUNDS = 30


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--verdicts", type=int, default=100_000)
    arguments.add_argument("--database", help="the URL of an empty database")
    wanted = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(wanted.database or f"sqlite:///{Path(folder) / 'bench.db'}")
        upgrade(database)
        with database.write() as session:
            _fill(session, verdicts=wanted.verdicts)
        for rule, majority_of in RULES:
            with database.write() as session, _told(f"to {rule}"):
                done = change_rule(session, pool_id=1, rule=rule, majority_of=majority_of, person_id=1)
            print(f"    {done.changed:,} images changed; {done.after}")
            _page(database, rule)
        database.dispose()
    print(f"at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB of memory")


def _page(database: Database, rule: Rule) -> None:
    """Time what a page costs under this rule beside its ranking."""
    storing, waiting = [], []
    for number in range(ROUNDS):
        with database.write() as session:
            started = time.perf_counter()
            images = range(number * PAGE + 1, (number + 1) * PAGE + 1)
            verdicts = [NewVerdict(image, ACCEPT) for image in images]
            entry = journal.store(session, kind="correction", pool_id=1, class_id=1, person_id=1, verdicts=verdicts)
            storing.append(time.perf_counter() - started)
            journal.undo(session, commit_id=entry.id, person_id=1, of_others=False)
        with database.read() as session:
            started = time.perf_counter()
            found = waiting_for_others(session, pool_id=1, class_id=1, person_id=1)
            waiting.append(time.perf_counter() - started)
    median = sorted(storing)[ROUNDS // 2], sorted(waiting)[ROUNDS // 2]
    print(f"    a page: {median[0] * 1000:.1f} ms to store its 60 verdicts, {median[1] * 1000:.1f} ms to find the")
    print(f"    {len(found):,} images that wait for other people")


def _fill(session: Session, *, verdicts: int) -> None:
    images = verdicts * 3 // 4
    chance = random.Random(0)
    session.add_all([Pool(name="many", name_key="many"), Person(name="second", name_key="second")])
    session.flush()
    session.add(LabelClass(pool_id=1, name="owl", name_key="owl"))
    session.execute(
        insert(Image), [{"sha256": f"{n:064x}", "width": 8, "height": 8, "format": "PNG"} for n in range(images)]
    )
    session.execute(insert(PoolImage), [{"pool_id": 1, "image_id": n + 1} for n in range(images)])
    second = session.scalars(select(Person.id).where(Person.name_key == "second")).one()
    truth = [chance.random() < 0.8 for _ in range(images)]
    for person_id, judged in ((1, range(images * 2 // 3)), (second, range(images // 3, images))):
        for first in range(judged.start, judged.stop, PAGE):
            commit = Commit(kind="page", pool_id=1, class_id=1, person_id=person_id)
            session.add(commit)
            session.flush()
            given = [
                {
                    "commit_id": commit.id,
                    "class_id": 1,
                    "image_id": n + 1,
                    "value": ACCEPT if truth[n] == (chance.random() < 0.95) else REJECT,
                }
                for n in range(first, min(first + PAGE, judged.stop))
            ]
            session.execute(insert(Verdict), given)


@contextmanager
def _told(what: str) -> Iterator[None]:
    started, worked = time.perf_counter(), time.process_time()
    yield
    print(
        f"{what}: {time.perf_counter() - started:.2f} s, {time.process_time() - worked:.2f} s of it this process's work"
    )


if __name__ == "__main__":
    main()
