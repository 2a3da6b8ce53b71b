"""An import as a job: whose work it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from app.db import Database
from app.jobs import queries
from app.jobs.importing import import_in_a_child
from app.jobs.lifecycle import IMPORT
from app.jobs.work import carry_out
from app.pools.queries import create_pool
from app.settings import Settings
from app.tables import Commit
from tests.ml.record_writing import noise, write_cifar10
from tests.people import person


@pytest.mark.parametrize(
    ("settings", "who"), [("sqlite", "Erik"), ("postgresql", "Erik"), ("sqlite", None)], indirect=["settings"]
)
def test_labels_that_files_carry_are_verdicts_of_whoever_imported(
    settings: Settings, database: Database, tmp_path: Path, who: str | None
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    write_cifar10(folder / "data_batch_1.bin", noise(2, 32), [3, 5])
    asks = person(database, who or "local")
    with database.write() as session:
        pool_id = create_pool(session, name="cats").id
        person_id = None if who is None else asks.id
        arguments = {"folder": str(folder)}
        queries.create(session, kind=IMPORT, pool_id=pool_id, arguments=arguments, person_id=person_id)
        job = queries.claim(session)
    assert job is not None
    assert carry_out(database, settings, job, import_in_a_child)["new"] == 2
    with database.read() as session:
        assert session.scalars(select(Commit.person_id)).all() == [asks.id, asks.id]
