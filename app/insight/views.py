"""The home page and the page of a pool."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.identity.accounts import admins
from app.identity.members import MemberLine, members
from app.identity.people import CurrentAsking, CurrentPerson
from app.insight import queries
from app.insight.reviews import ListedReview, reviews
from app.pages import page
from app.pools.queries import PoolCounts, PoolLine, pool_named, pools
from app.registry.queries import VersionLine, served_version
from app.search.served_index import IndexUnusable
from app.sessions import ReadSession
from app.verdicts.queries import disputed_labels
from ml.artifacts import IndexManifest

router = APIRouter(include_in_schema=False)

COVER_TILES = 6
REVIEWS_SHOWN = 50


@dataclass(frozen=True)
class PoolCard:
    pool: PoolLine
    counts: PoolCounts
    cover: list[str]  # images, by SHA-256


@dataclass(frozen=True)
class HomePage:
    pools: list[PoolCard]
    import_roots: list[str]
    admins: list[str]


@dataclass(frozen=True)
class PoolPage:
    pool: str
    images: int
    classes: list[queries.CountedClass]
    reviews: list[ListedReview]  # those that whoever asks goes on with
    of_others: list[ListedReview]
    served: VersionLine | None
    waiting: int  # images that the served index version has not seen
    left_out: int  # images that it has seen, but has no vector of
    damaged: bool  # whether its folder is missing or cannot be used
    files: queries.FilesLine
    jobs: list[queries.JobLine]
    disputed: int  # labels about which people differ
    import_roots: list[str]
    members: list[MemberLine]


@router.get("/")
def home(request: Request, session: ReadSession, asking: CurrentAsking) -> HTMLResponse:
    cards = [
        PoolCard(pool, counts, queries.sample_images(session, pool_id=pool.id, count=COVER_TILES))
        for pool, counts in pools(session, only=asking.only)
    ]
    return page(request, "insight/home.html", HomePage(cards, _import_roots(request), admins(session)))


@router.get("/pools/{pool}")
def pool(request: Request, session: ReadSession, person: CurrentPerson, pool: str) -> HTMLResponse:
    found = pool_named(session, pool)
    served = served_version(session, pool_id=found.id)
    images = queries.image_count(session, pool_id=found.id)
    manifest, damaged = _manifest(request, served)
    context = PoolPage(
        pool=found.name,
        images=images,
        classes=queries.classes(session, pool_id=found.id),
        reviews=reviews(session, pool_id=found.id, of=person.id, limit=REVIEWS_SHOWN),
        of_others=reviews(session, pool_id=found.id, besides=person.id, limit=REVIEWS_SHOWN),
        served=served,
        waiting=max(0, images - manifest.count - manifest.left_out) if manifest else images,
        left_out=manifest.left_out if manifest else 0,
        damaged=damaged,
        files=queries.files(session, pool_id=found.id),
        jobs=queries.active_jobs(session, pool_id=found.id),
        disputed=disputed_labels(session, pool_id=found.id),
        import_roots=_import_roots(request),
        members=members(session, pool_id=found.id),
    )
    return page(request, "insight/pool.html", context)


def _manifest(request: Request, served: VersionLine | None) -> tuple[IndexManifest | None, bool]:
    """Return the manifest of the served version, if there is one that can be used, and whether there should be."""
    if served is None:
        return None, False
    try:
        return request.app.state.shelf.open(served.artifact).manifest, False
    except IndexUnusable:
        return None, True


def _import_roots(request: Request) -> list[str]:
    return [str(root) for root in request.app.state.settings.import_roots]
