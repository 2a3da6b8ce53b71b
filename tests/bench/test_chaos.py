"""A small run of the chaos that bench/ has at length: what was acknowledged is there, whatever is killed when."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.chaos.house import House
from bench.chaos.killing import kill_at_random
from tests.postgres import PostgresServer, fresh_database

KILLS = 10


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_acknowledged_is_lost_and_nothing_is_there_in_part(
    database: str, tmp_path: Path, worker_id: str, request: pytest.FixtureRequest
) -> None:
    url = ""
    if database == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = fresh_database(server.url, f"{worker_id}_chaos")
    house = House(tmp_path, database_url=url, pools=1, pictures=40)
    try:
        outcome = kill_at_random(house, kills=KILLS, seed=7, annotators=2, say=print)
    finally:
        house.stop()
    assert outcome.faults == []
    assert outcome.kills.total() == KILLS
    assert outcome.commits > 0
