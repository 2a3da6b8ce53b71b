"""`python -m bench.chaos`: kills server and worker while people label, and says what came of it."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.chaos.house import House
from bench.chaos.killing import Outcome, kill_at_random
from tests.postgres import server_for_tests


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.chaos", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--annotators", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="processes that answer requests")
    asked = parser.parse_args()
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="winnow-chaos-")))
        url = ""
        if asked.database == "postgresql":
            url = stack.enter_context(server_for_tests("chaos", durable=True)).url
        house = House(folder, database_url=url, pools=3, pictures=60, workers=asked.workers)
        stack.callback(house.stop)
        outcome = kill_at_random(house, kills=asked.kills, seed=asked.seed, annotators=asked.annotators, say=_say)
    _tell(outcome)
    print(f"{asked.database}, {asked.kills} kills in {time.monotonic() - began:.0f} s")
    sys.exit(1 if outcome.faults else 0)


def _tell(outcome: Outcome) -> None:
    for title, counts in (
        ("killed", outcome.kills),
        ("under way at a kill", outcome.under_way),
        ("requests", outcome.requests),
        ("jobs", outcome.jobs),
    ):
        print(f"{title}: " + "; ".join(f"{name} {count:,}" for name, count in sorted(counts.items())))
    print(f"acknowledged commits, all there: {outcome.commits:,}")
    print(f"slowest start until it answered: {outcome.slowest_start_s:.1f} s")
    print(f"faults: {len(outcome.faults)}")
    for fault in outcome.faults:
        print(f"  {fault}")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
