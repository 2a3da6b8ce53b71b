"""What a monitor reads: how the requests go, and what the database holds, in Prometheus' text format."""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import QueuePool, event, func, select
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import Forbidden
from app.identity.nearness import is_from_here
from app.tables import Commit, IndexVersion, Job, Page, Pool, Served, Verdict

router = APIRouter(include_in_schema=False)

# A registry of our own: what this process counts. Of several processes, each writes into the same folder, and whichever
# is asked adds them up.
_OURS = CollectorRegistry()
_SHARED = "PROMETHEUS_MULTIPROC_DIR" in os.environ
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Counter("winnow_requests", "Requests answered.", ["method", "route", "status"], registry=_OURS)
SECONDS = Histogram("winnow_request_seconds", "Time to answer.", ["method", "route"], registry=_OURS, buckets=_BUCKETS)
CONNECTIONS = Gauge(
    "winnow_database_connections", "Connections to the database in use.", registry=_OURS, multiprocess_mode="livesum"
)


log = logging.getLogger(__name__)


class NotForYou(Forbidden):
    """The metrics are for this machine; from elsewhere, WINNOW_METRICS_TOKEN has to be set and sent as a bearer."""


@router.get("/metrics")
def metrics(request: Request, authorization: Annotated[str, Header()] = "") -> Response:
    """All metrics. With a token set, whoever sends it may read them; without one, only this machine.

    Without a database that answers, there are those of the requests: that is when a monitor needs them.
    """
    _let_in(request, authorization)
    registry = CollectorRegistry()
    registry.register(_Stored(request.app.state.database))
    if _SHARED:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Counted())
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def count_connections(database: Database) -> None:
    """Let CONNECTIONS tell how many connections of this process are in use."""

    def in_use() -> int:
        pool = database.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    # Asked each time: of a connection that could not be made one hears that it is given back, not that it was taken.
    event.listen(database.engine, "checkout", lambda *_: CONNECTIONS.set(in_use()))
    event.listen(database.engine, "checkin", lambda *_: CONNECTIONS.set(max(0, in_use() - 1)))


def _let_in(request: Request, authorization: str) -> None:
    token = request.app.state.settings.metrics_token
    if token:
        if not hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode()):
            raise NotForYou
        return
    if not is_from_here(request):
        raise NotForYou


class _Counted(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from _OURS.collect()


class _Stored(Collector):
    """What the database says at the moment of asking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        stored: list[Metric] = []
        try:
            with self._database.read() as session:
                stored = list(_stored(session))
        except (OperationalError, InterfaceError, TimeoutError):
            log.warning("The database does not answer, so the metrics lack what it holds.")
        yield GaugeMetricFamily("winnow_database_up", "Whether the database answers.", 1 if stored else 0)
        yield from stored


def _stored(session: Session) -> Iterator[Metric]:
    rows = session.execute
    commits = CounterMetricFamily("winnow_commits", "Commits stored.", labels=["kind"])
    for kind, count in rows(select(Commit.kind, func.count()).group_by(Commit.kind)):
        commits.add_metric([kind], count)
    yield commits
    # Counting millions would take longer than all the rest. They are numbered in the order of storing; a number is
    # skipped only where a transaction was taken back.
    last = rows(
        select(select(func.max(Verdict.id)).scalar_subquery(), select(func.max(Page.id)).scalar_subquery())
    ).one()
    yield CounterMetricFamily("winnow_verdicts", "Verdicts stored, by the last one's number.", last[0] or 0)
    yield CounterMetricFamily("winnow_pages", "Pages turned, by the last one's number.", last[1] or 0)
    jobs = GaugeMetricFamily("winnow_jobs", "Jobs by kind and state.", labels=["kind", "state"])
    for kind, state, count in rows(select(Job.kind, Job.state, func.count()).group_by(Job.kind, Job.state)):
        jobs.add_metric([kind, state], count)
    yield jobs
    images = GaugeMetricFamily("winnow_index_rows", "Images in the served index version.", labels=["pool"])
    served = select(Pool.name, IndexVersion.count).join(Served, Served.pool_id == Pool.id)
    for pool, count in rows(served.join(IndexVersion, IndexVersion.id == Served.index_version_id)):
        images.add_metric([pool], count)
    yield images
