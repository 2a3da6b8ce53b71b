"""The rows of jobs: made once for two clicks, taken by one worker, kept by a lease."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, CursorResult, Select, and_, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.history import record
from app.jobs import lifecycle
from app.jobs.lifecycle import Kind
from app.tables import Job, Member, Person, Pool, now
from app.words import DONE, FAILED, QUEUED, RUNNING, STOPPED, Act

ALL_KINDS = tuple(kind for lane in lifecycle.LANES for kind in lane)

# What the journal says that became of a job.
Verb = Literal["ask", "stop", "resume", "end"]


class JobNotFound(NotFound):
    """There is no such job."""


class AlreadyRunning(Conflict):
    """The same work is already waiting or running."""

    def __init__(self, job: JobLine) -> None:
        super().__init__(lifecycle.already_running(job.kind, job.state, job.id), job=job.id)
        self.job = job


class NotUnderWay(Conflict):
    """This job has ended already."""


class CannotGoOn(Conflict):
    """This job was not stopped, so it cannot be resumed."""


@dataclass(frozen=True)
class JobLine:
    """A job as it stands."""

    id: int
    kind: str
    pool_id: int
    pool: str  # its name
    state: str
    arguments: dict[str, Any]
    person_id: int | None
    person: str | None  # who asked for it; None for one from a command line
    phase: str | None
    done: int
    total: int | None
    figures: dict[str, Any] | None  # what is measured while it goes on
    error: str | None  # a sentence
    result: dict[str, Any] | None
    attempts: int
    lease_until: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Progress:
    """How far the present phase is; `total` is None while nobody knows."""

    phase: str
    done: int
    total: int | None


def create(
    session: Session, *, kind: Kind, pool_id: int, arguments: dict[str, Any], person_id: int | None = None
) -> JobLine:
    """Queue a job; nobody's is one from a command line.

    Raises AlreadyRunning, which names the job of this kind and pool that waits or runs.
    """
    return _insert(session, kind=kind, pool_id=pool_id, arguments=arguments, person_id=person_id, state=QUEUED)


def start(session: Session, *, kind: Kind, pool_id: int, arguments: dict[str, Any]) -> JobLine:
    """Make a job that this process does itself, at once. One whose lease has run out makes way.

    Raises AlreadyRunning.
    """
    moment = now()
    left_behind = _lines().where(Job.kind == kind, Job.pool_id == pool_id, _is_left_behind(moment))
    for row in session.execute(left_behind).all():
        fail(session, job=JobLine(**row._mapping), sentence=lifecycle.INTERRUPTED)
    held = {"state": RUNNING, "attempts": 1, "started_at": moment, "lease_until": lifecycle.lease_from(moment)}
    return _insert(session, kind=kind, pool_id=pool_id, arguments=arguments, **held)


def is_anything_free(session: Session, *, kinds: Collection[Kind] = ALL_KINDS) -> bool:
    """Whether there is a job of these kinds to claim."""
    return session.scalars(select(Job.id).where(_is_free(now(), kinds)).limit(1)).first() is not None


def claim(session: Session, *, kinds: Collection[Kind] = ALL_KINDS) -> JobLine | None:
    """Take the oldest job of these kinds that waits, or whose worker was lost; None if there is none.

    However many ask at once, each job is taken by one of them.
    """
    moment = now()
    free = (
        select(Job.id)
        .where(_is_free(moment, kinds))
        .order_by(Job.id)
        .limit(1)
        # SQLite, which knows no such clause and leaves it out, has one writer at a time anyway.
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = session.scalars(
        update(Job)
        .where(Job.id == free)
        .values(
            state=RUNNING,
            attempts=Job.attempts + 1,
            lease_until=lifecycle.lease_from(moment),
            started_at=moment,
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return None if taken is None else job(session, id=taken)


def renew(session: Session, *, job: JobLine, progress: Progress | None, figures: dict[str, Any] | None = None) -> bool:
    """Lengthen the lease of a job and write down its progress; False if it was stopped or taken up by somebody else."""
    news: dict[str, Any] = {}
    if progress is not None:
        news = {"phase": progress.phase, "done": progress.done, "total": progress.total}
    if figures is not None:
        news["figures"] = figures
        if lifecycle.got_further(job.figures, figures):
            news["attempts"] = 1
    return _update_held(session, job, lease_until=lifecycle.lease_from(now()), **news)


def finish(session: Session, *, job: JobLine, result: dict[str, Any]) -> bool:
    """End a job well; False if it is no longer held."""
    ended = _update_held(session, job, state=DONE, result=result, ended_at=now(), lease_until=None)
    if ended:
        # Lists of files stay with the job.
        figures = {name: value for name, value in result.items() if isinstance(value, str | int | float)}
        _record(session, "end", job, person_id=job.person_id, state=DONE, **figures)
    return ended


def fail(session: Session, *, job: JobLine, sentence: str) -> bool:
    """End a job with the sentence that says why; False if it is no longer held."""
    ended = _update_held(session, job, state=FAILED, error=sentence, ended_at=now(), lease_until=None)
    if ended:
        _record(session, "end", job, person_id=job.person_id, state=FAILED, error=sentence)
    return ended


def give_back(session: Session, *, job: JobLine) -> bool:
    """Queue a job again as if it had not been taken; False if it is no longer held."""
    return _update_held(session, job, state=QUEUED, attempts=Job.attempts - 1, lease_until=None)


def stop(session: Session, *, id: int, person_id: int | None = None) -> JobLine:
    """Stop a job; whoever has it in hand notices when renewing the lease. One that is stopped already stays so.

    Raises JobNotFound, and NotUnderWay for a job that is done or has failed.
    """
    under_way = (Job.id == id, Job.state.in_((QUEUED, RUNNING)))
    changed = _update(session, *under_way, state=STOPPED, ended_at=now(), lease_until=None)
    found = job(session, id=id)
    if not changed and found.state != STOPPED:
        raise NotUnderWay(lifecycle.not_under_way(found.state, id))
    if changed:
        _record(session, "stop", found, person_id=person_id)
    return found


def resume(session: Session, *, id: int, person_id: int | None = None) -> JobLine:
    """Queue a job again that was stopped or has failed: with the same arguments, it goes on where it was.

    Raises JobNotFound, CannotGoOn, and AlreadyRunning if other work of this kind and pool has come in between.
    """
    found = job(session, id=id)
    ended = (Job.id == id, Job.state.in_((STOPPED, FAILED)))
    try:
        with session.begin_nested():
            changed = _update(session, *ended, state=QUEUED, attempts=0, error=None, ended_at=None)
    except IntegrityError:
        raise AlreadyRunning(_active(session, kind=found.kind, pool_id=found.pool_id) or found) from None
    if not changed:
        raise CannotGoOn(lifecycle.cannot_go_on(found.state, id))
    _record(session, "resume", found, person_id=person_id)
    return job(session, id=id)


def job(session: Session, *, id: int) -> JobLine:
    """Return one job. Raises JobNotFound."""
    row = session.execute(_lines().where(Job.id == id)).one_or_none()
    if row is None:
        raise JobNotFound
    return JobLine(**row._mapping)


def jobs_of(
    session: Session,
    *,
    pool_id: int | None,
    only: int | None = None,
    kinds: Collection[Kind] = ALL_KINDS,
    limit: int = 50,
) -> list[JobLine]:
    """Return the jobs of a pool, or with None of all pools, newest first; or of the pools of one person, by id."""
    wanted = _lines().where(Job.kind.in_(kinds))
    if pool_id is not None:
        wanted = wanted.where(Job.pool_id == pool_id)
    if only is not None:
        wanted = wanted.where(Job.pool_id.in_(select(Member.pool_id).where(Member.person_id == only)))
    rows = session.execute(wanted.order_by(Job.id.desc()).limit(limit))
    return [JobLine(**row._mapping) for row in rows]


def _record(session: Session, verb: Verb, job: JobLine, *, person_id: int | None, **details: Any) -> None:
    """Write into the journal what became of a job, such as "ask-import"."""
    act = cast(Act, f"{verb}-{job.kind}")
    record(session, act, person_id=person_id, pool_id=job.pool_id, job_id=job.id, details=details or None)


def _insert(session: Session, *, kind: Kind, pool_id: int, **columns: Any) -> JobLine:
    new = Job(kind=kind, pool_id=pool_id, **columns)
    try:
        with session.begin_nested():
            session.add(new)
    except IntegrityError:
        # The index `one_active_job_per_kind` has it; a look beforehand would miss a click at the same moment.
        active = _active(session, kind=kind, pool_id=pool_id)
        if active is None:  # It has ended since.
            return _insert(session, kind=kind, pool_id=pool_id, **columns)
        raise AlreadyRunning(active) from None
    made = job(session, id=new.id)
    _record(session, "ask", made, person_id=made.person_id, **_told(made))
    return made


def _told(job: JobLine) -> dict[str, Any]:
    """What a job was asked for, as far as people may read it: folders by their names, not by where they lie."""
    asked = {name: job.arguments[name] for name in ("encoder", "name", "serve") if job.arguments.get(name)}
    if "folder" in job.arguments:
        asked["folder"] = Path(job.arguments["folder"]).name
    return asked


def _active(session: Session, *, kind: str, pool_id: int) -> JobLine | None:
    active = _lines().where(Job.kind == kind, Job.pool_id == pool_id, Job.state.in_((QUEUED, RUNNING)))
    row = session.execute(active).one_or_none()
    return None if row is None else JobLine(**row._mapping)


def _is_free(moment: datetime, kinds: Collection[Kind]) -> ColumnElement[bool]:
    return and_(Job.kind.in_(kinds), or_(Job.state == QUEUED, _is_left_behind(moment)))


def _is_left_behind(moment: datetime) -> ColumnElement[bool]:
    # Nobody takes a job for so long: where a lease ends that late, the clock has been put back since.
    beyond = moment + 2 * lifecycle.LEASE
    return and_(Job.state == RUNNING, or_(Job.lease_until < moment, Job.lease_until > beyond))


def _update_held(session: Session, job: JobLine, **values: Any) -> bool:
    # Each claim has a moment of its own, which tells whether the job is still in the hands that took it.
    held = (Job.id == job.id, Job.state == RUNNING, Job.started_at == job.started_at)
    return _update(session, *held, **values)


def _update(session: Session, *where: ColumnElement[bool], **values: Any) -> bool:
    change = update(Job).where(*where).values(**values).execution_options(synchronize_session=False)
    result = session.execute(change)
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _lines() -> Select[Any]:
    columns = [getattr(Job, name) for name in JobLine.__dataclass_fields__ if name not in {"pool", "person"}]
    names = Pool.name.label("pool"), Person.name.label("person")
    return select(*names, *columns).join(Pool, Pool.id == Job.pool_id).outerjoin(Person, Person.id == Job.person_id)
