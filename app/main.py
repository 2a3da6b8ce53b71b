"""create_app(): the one place where things are wired."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from app.db import Database
from app.identity.guard import Guard
from app.settings import Settings

# TEMPORARY until every room has landed: include what is there.
_ROUTERS = [
    "app.pools.routes",
    "app.registry.routes",
    "app.review.routes",
    "app.labels.routes",
    "app.jobs.routes",
    "app.insight.views",
    "app.pools.views",
    "app.review.views",
    "app.labels.views",
    "app.jobs.views",
]


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.database.dispose()

    app = FastAPI(title="Winnow", version=version("winnow"), lifespan=lifespan)
    app.state.settings = settings
    app.state.database = Database(settings.database)
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts)
    for module, make in [
        ("app.search.served_index", lambda m: setattr(app.state, "shelf", m.IndexShelf(settings.indexes))),
        (
            "app.search.query_vectors",
            lambda m: setattr(app.state, "encoders", m.EncoderShelf(settings.encoder_folders)),
        ),
        ("app.pools.thumbnails", lambda m: setattr(app.state, "thumbnails", m.ThumbnailStore(settings.thumbnails))),
        ("app.pages", lambda m: m.install(app)),
    ]:
        try:
            make(importlib.import_module(module))
        except (ImportError, AttributeError) as error:
            print("not yet:", module, error)
    for name in _ROUTERS:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            print("not yet:", name, error)
            continue
        app.routes.extend(getattr(module, "thumbnail_routes", []))
        app.include_router(module.router)
    return app
