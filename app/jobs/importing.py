"""An import as a job: a child process that reads the folder, then a reindex if it was asked for."""

from __future__ import annotations

from app.jobs import queries
from app.jobs.lifecycle import REINDEX
from app.jobs.queries import AlreadyRunning
from app.jobs.work import Result, Work


def import_in_a_child(work: Work) -> Result:
    """Run `winnow import`, and queue a reindex of the pool if the job asks for one."""
    folder = work.job.arguments["folder"]
    events = work.run("app.cli", "import", "--job", str(work.job.id), "--", work.job.pool, folder)
    result: Result = next((event["result"] for event in events if event.get("event") == "result"), {})
    if work.job.arguments.get("reindex"):
        result = {**result, "reindex": _queue_reindex(work)}
    return result


def _queue_reindex(work: Work) -> int:
    try:
        with work.database.write() as session:
            return queries.create(
                session, kind=REINDEX, pool_id=work.job.pool_id, arguments={}, person_id=work.job.person_id
            ).id
    except AlreadyRunning as error:
        return error.job.id
