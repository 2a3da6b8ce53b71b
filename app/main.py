"""create_app(): the one place where things are wired."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.exceptions import ExceptionMiddleware
from threadpoolctl import threadpool_limits

from app import garbage, pages
from app.db import Database
from app.identity import people_views
from app.identity import routes as identity_routes
from app.identity import views as identity_views
from app.identity.gate import Gate
from app.identity.guard import Guard
from app.identity.openapi import DescribedApp
from app.identity.prefix import Prefix
from app.insight import api_docs, files, health, image_routes, journal_routes, journal_views, metrics, reviews
from app.insight import views as insight_views
from app.insight.watching import Watching
from app.jobs import routes as jobs_routes
from app.jobs import views as jobs_views
from app.labels import agreement_routes, disagreement_routes, merge_routes, rule_routes
from app.labels import routes as labels_routes
from app.labels import views as labels_views
from app.pools import member_views
from app.pools import routes as pools_routes
from app.pools.thumbnail_route import thumbnail_routes
from app.pools.thumbnails import ThumbnailStore
from app.registry import routes as registry_routes
from app.registry.row_maps import RowMaps
from app.review import at_work, lot_routes, outlook_routes, page_routes
from app.review import routes as review_routes
from app.review import views as review_views
from app.review.decided import DecidedRows
from app.review.foreseen import ForeseenPages
from app.search.query_vectors import EncoderShelf
from app.search.served_index import IndexShelf
from app.settings import Settings
from app.turnstile import Turnstile

# What a form adds around an uploaded picture.
FORM_OVERHEAD = 64 * 1024

# A request waits for the database a few dozen times, and after each time for the thread that computes meanwhile: with
# Python's 5 ms a page took twice as long beside others.
SWITCH_S = 0.0005

# A request waits so long for what another one holds of its pool, such as its labels while its rule is changed. Whoever
# waited longer would keep a thread and a connection from the people of other pools.
PATIENCE_S = 3.0

DESCRIPTION = """
Label images by throwing out what does not belong: start a **review** of a class from one picture, get a **page** of
its nearest neighbours, **commit** the page without what you struck out, and ask for the next page, which has learned
from your rejects.

A pool is addressed by its name, an image by the SHA-256 of its bytes in hex. Every error is a problem (RFC 9457)
whose `detail` is a sentence for people and whose `code` is for programs.
"""

TAGS = [
    {"name": "pools", "description": "Pools and their classes, and what went missing."},
    {"name": "images", "description": "The pictures of pools, their thumbnails and originals."},
    {"name": "jobs", "description": "Long work: imports, reindexes and pretrainings."},
    {"name": "index versions", "description": "Encoders, index versions, and which one is served."},
    {"name": "reviews", "description": "Query, page, verdicts, commit, undo."},
    {"name": "lots", "description": "Many images accepted together, by a random sample of them."},
    {"name": "labels", "description": "What the verdicts amount to, corrections, and the CSV export."},
    {"name": "people", "description": "Logging in, tokens, and who may do what where."},
    {"name": "journal", "description": "What everybody did."},
    {"name": "health", "description": "Whether the server is well."},
]


@cache
def _keep_what_is_loaded() -> None:
    # Once: another app in this process, as in tests, finds all loaded and would keep what is left of the one before.
    garbage.look_seldom()
    garbage.keep_what_is_loaded()


def create_app(settings: Settings) -> FastAPI:
    """Return the web application. Nothing is opened or read before the first request that needs it."""
    database = Database(settings.database, patience_s=PATIENCE_S)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # Requests share the cores as they are. Two BLAS threads for each would wait for one another: ranking a
        # page took three times the processor time with them.
        with threadpool_limits(limits=1, user_api="blas"):
            _keep_what_is_loaded()
            sys.setswitchinterval(SWITCH_S)
            yield
        database.dispose()

    app = DescribedApp(
        title="Winnow",
        version=version("winnow"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # FastAPI's own page loads its scripts from another host; /docs is ours
        redoc_url=None,
        lifespan=lifespan,
    )
    metrics.count_connections(database)
    app.state.settings = settings
    app.state.database = database
    app.state.thumbnails = ThumbnailStore(settings.thumbnails)
    app.state.shelf = IndexShelf(settings.indexes)
    app.state.row_maps = RowMaps()
    app.state.decided_rows = DecidedRows()
    app.state.foreseen = ForeseenPages()
    # On SQLite whoever waits does so for the one who writes, whatever their pools.
    one_writer = database.engine.dialect.name == "sqlite"
    app.state.turnstile = Turnstile(held_up_s=None) if one_writer else Turnstile()
    app.state.readiness = health.Readiness(database, settings)
    app.state.encoders = EncoderShelf(settings.encoder_folders)

    pages.install(app)
    # From the innermost on: what the gate raises, and what nobody foresaw, is told like any other error, and the guard
    # puts its headers on all answers.
    app.add_middleware(
        Gate,
        database=database,
        log_in_days=settings.log_in_days,
        trust_local=settings.trust_local,
        for_others=settings.for_others,
    )
    app.add_middleware(ExceptionMiddleware, handlers=app.exception_handlers)
    app.add_middleware(
        Guard, allowed_hosts=settings.allowed_hosts, largest_body=settings.max_upload_bytes + FORM_OVERHEAD
    )
    if settings.root_path:
        app.add_middleware(Prefix, prefix=settings.root_path)
    # Added last, it is around all others.
    app.add_middleware(Watching, log_requests=settings.log_requests)
    # As they are: including a router would make all its routes anew at the first request, and look longer for each.
    # Thumbnails come before everything else: a page asks for sixty of them.
    app.router.routes.extend(thumbnail_routes)
    for room in (
        identity_routes,
        identity_views,
        people_views,
        pools_routes,
        member_views,
        jobs_routes,
        registry_routes,
        review_routes,
        page_routes,
        lot_routes,
        outlook_routes,
        at_work,
        labels_routes,
        rule_routes,
        disagreement_routes,
        agreement_routes,
        merge_routes,
        reviews,
        journal_routes,
        image_routes,
        health,
        metrics,
        api_docs,
        insight_views,
        files,
        journal_views,
        jobs_views,
        review_views,
        labels_views,
    ):
        app.router.routes.extend(room.router.routes)
    return app
