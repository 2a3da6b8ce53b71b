"""A job being done: under its lease, with its ending written down whatever that is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.db import Database
from app.errors import AppError, Unavailable
from app.jobs import lifecycle, queries
from app.jobs.child import TIME_TO_END_S, ChildFailed, Event, Stopped, environment_for, run_child
from app.jobs.lease import Lease, Watch
from app.jobs.lifecycle import Kind
from app.jobs.logs import log_file, without_our_paths
from app.jobs.queries import AlreadyRunning, JobLine
from app.settings import Settings
from app.tables import now
from app.words import QUEUED, RUNNING

_LOOKED_EVERY_S = 0.5

Report = Callable[[str, int, int | None], None]
Result = dict[str, Any]


@dataclass(frozen=True)
class Work:
    """A running job, and what doing it takes."""

    database: Database
    settings: Settings
    job: JobLine
    report: Report
    show: Callable[[dict[str, Any]], None]  # figures of the work as it goes on
    should_stop: Callable[[], bool]

    def report_or_stop(self, phase: str, done: int, total: int | None) -> None:
        """Report what is done in this process, which nobody else can end. Raises Stopped."""
        if self.should_stop():
            raise Stopped
        self.report(phase, done, total)

    def run(
        self,
        module: str,
        *arguments: str,
        on_event: Callable[[Event], None] | None = None,
        time_to_end_s: float = TIME_TO_END_S,
    ) -> list[Event]:
        """Run `python -m module` in a child process, pass on its progress, and return its other events.

        `on_event` hears of these as they come. Told to stop, the child has `time_to_end_s` to end in order.
        """
        others: list[Event] = []

        def hear(event: Event) -> None:
            if event.get("event") == "progress":
                self.report(str(event["phase"]), int(event["done"]), event.get("total"))
            else:
                others.append(event)
                if on_event is not None:
                    on_event(event)

        try:
            run_child(
                module,
                *arguments,
                environment=environment_for(self.settings),
                log=log_file(self.settings, self.job.id),
                on_event=hear,
                should_stop=self.should_stop,
                time_to_end_s=time_to_end_s,
                ended_badly=lambda exit_code: lifecycle.ended_badly(exit_code, self.job.id),
            )
        except ChildFailed as error:
            raise ChildFailed(without_our_paths(self.settings, error.sentence)) from error
        return others


class MachineRefused(Unavailable):
    """The machine could not do a part of this work."""


Perform = Callable[[Work], Result]


def do_now(
    database: Database,
    settings: Settings,
    *,
    kind: Kind,
    pool_id: int,
    arguments: dict[str, Any],
    perform: Perform,
    watch: Watch,
    say: Callable[[str], None],
) -> Result:
    """Do a job in this process, seen in the browser like any other, and return its result.

    If a process that did the same was killed, this one takes over when the lease has run out. Raises
    AlreadyRunning, and whatever ended the work.
    """
    while True:
        try:
            with database.write() as session:
                job = queries.start(session, kind=kind, pool_id=pool_id, arguments=arguments)
        except AlreadyRunning as error:
            if not _ends_unattended(database, error.job, say):
                raise
        else:
            return carry_out(database, settings, job, perform, watch=watch)


def carry_out(
    database: Database,
    settings: Settings,
    job: JobLine,
    perform: Perform,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    watch: Watch | None = None,
) -> Result:
    """Do a job that was started or claimed, and write down how it ended: done, failed, or queued again if Stopped.

    Raises whatever `perform` raised. A job that was stopped or taken up by others meanwhile stays as they left it.
    """

    def settle(ending: Callable[..., bool], **details: Any) -> None:
        with database.write() as session:
            ending(session, job=job, **details)

    def told_to_stop() -> bool:
        return lease.lost or should_stop()

    lease = Lease(database, job, watch=watch)
    try:
        with lease:
            result = perform(Work(database, settings, job, lease.report, lease.show, told_to_stop))
    except Stopped:
        settle(queries.give_back)
        raise
    except AppError as error:
        settle(queries.fail, sentence=_for_members(job, error.sentence))
        raise
    except KeyboardInterrupt:
        settle(queries.fail, sentence=lifecycle.STOPPED_BY_HAND)
        raise
    except OSError as error:
        refused = MachineRefused(lifecycle.refused(error.strerror))
        settle(queries.fail, sentence=refused.sentence)
        raise refused from error
    except BaseException:
        settle(queries.fail, sentence=lifecycle.UNEXPECTED)
        raise
    settle(queries.finish, result=result)
    return result


def _for_members(job: JobLine, sentence: str) -> str:
    """Return a sentence as all members of the pool may read it, to whom folders are known by their names alone."""
    folder = job.arguments.get("folder", "")
    return sentence.replace(f"“{folder}”", f"“{Path(folder).name}”")


def _ends_unattended(database: Database, job: JobLine, say: Callable[[str], None]) -> bool:
    """Wait until a running job's lease has run out; False as soon as somebody turns out to care for it."""
    if job.state != RUNNING or job.lease_until is None:
        return False
    say(f"Job {job.id} does this already; looking whether it is still alive …")
    # A lease that seems to end later than that was given before the clock was put back.
    until = min(job.lease_until, lifecycle.lease_from(now()))
    while now() <= until:
        time.sleep(_LOOKED_EVERY_S)
        with database.read() as session:
            seen = queries.job(session, id=job.id)
        if seen.lease_until != job.lease_until:
            return seen.state not in {QUEUED, RUNNING}
    return True
