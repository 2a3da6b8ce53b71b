"""A comparison of two index versions as a job: a child process maps both and writes down what it finds."""

from __future__ import annotations

from app.jobs.work import Result, Work


def compare_in_a_child(work: Work) -> Result:
    """Run `winnow compare`, whose result is the job's. Raises ChildFailed and Stopped."""
    asked = work.job.arguments
    versions = [str(asked["first"]), str(asked["second"])]
    events = work.run("app.cli", "compare", "--job", str(work.job.id), "--", work.job.pool, *versions)
    result: Result = next(event["result"] for event in events if event.get("event") == "result")
    return result
