"""What each web process runs."""

from __future__ import annotations

from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings


def app() -> FastAPI:
    """Return the application as the environment sets it."""
    return create_app(Settings())
