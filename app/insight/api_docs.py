"""The API's description for people. FastAPI's own page would load its scripts from another host."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.pages import page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class ApiDocsPage:
    """The page needs to know nothing: the description itself is fetched by it."""


@router.get("/docs")
def api_docs(request: Request) -> HTMLResponse:
    return page(request, "insight/api_docs.html", ApiDocsPage())
