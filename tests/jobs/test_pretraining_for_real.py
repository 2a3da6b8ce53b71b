"""From a pool of pictures to an encoder of one's own, with torch: started, killed, gone on with, indexed and served."""

import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import update

from app.jobs import queries
from app.jobs.child import environment_for
from app.jobs.runs import encoders_of
from app.registry.queries import served_version
from app.tables import Job, now
from tests.jobs.conftest import processes_that_name, wait_for

pytestmark = pytest.mark.torch

ENDS_WITHIN_S = 240


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_pretraining_survives_its_worker_and_its_encoder_is_served(settings, database, client, imported):
    pool = imported(64)
    wanted = {
        "recipe": "smoke",
        "name": "own",
        "changes": [
            "network.architecture=timm/test_resnet",
            "training.epochs=12",
            "checkpoints.milestone_every=0",
            "checkpoints.minutes=0",
        ],
    }
    answer = client.post("/api/v1/pools/stripes/pretraining", json=wanted)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job"]

    def job():
        with database.read() as session:
            return queries.job(session, id=job_id)

    def reached():
        return (job().figures or {}).get("step", 0)

    with worker(settings) as first:
        wait_for(lambda: reached() or job().ended_at, within_s=ENDS_WITHIN_S)
        first.send_signal(signal.SIGKILL)
    wait_for(lambda: not processes_that_name(str(settings.runs)), within_s=10)
    assert (job().state, job().error) == ("running", None)
    killed_at = job().done
    assert 0 < killed_at < 24
    with database.write() as session:
        session.execute(update(Job).values(lease_until=now() - timedelta(seconds=1)))

    with worker(settings):
        wait_for(lambda: job().ended_at, within_s=ENDS_WITHIN_S)
        assert (job().state, job().error) == ("done", None)
        assert job().result["encoders"][-1] == "own-epoch-0012"
        made = encoders_of(settings, "own")
        assert [line.manifest.epochs for line in made] == [12]
        assert [line["epoch"] for line in job().figures["judged"]] == [5, 10, 12]

        reindex = client.post(
            "/api/v1/pools/stripes/reindex", json={"encoder": "own-epoch-0012", "serve": True}
        ).json()["job"]
        wait_for(lambda: client.get(f"/api/v1/jobs/{reindex}").json()["ended_at"])
    with database.read() as session:
        served = served_version(session, pool_id=pool.id)
    assert (served.encoder, served.count) == ("own-epoch-0012", 64)


def worker(settings) -> subprocess.Popen[bytes]:
    return _Killed([sys.executable, "-m", "app.cli", "worker"], env=environment_for(settings))


class _Killed(subprocess.Popen):
    """A worker that is gone at the end of its block, whatever the test does."""

    def __exit__(self, *error):
        self.kill()
        super().__exit__(*error)
