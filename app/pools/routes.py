"""The API of pools: their classes, their images, and what could not be read or went missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from app.identity.members import set_role
from app.identity.people import CurrentAsking, CurrentPerson
from app.identity.sure import SureSession
from app.pools import bodies, image_routes, member_routes, queries, thumbnail_form
from app.pools.bodies import problem_response
from app.pools.folders import as_told
from app.pools.images import PooledImage, images_page
from app.pools.queries import LostLine, UnreadableLine, pool_named
from app.pools.thumbnail_route import thumbnail_routes
from app.sessions import ReadSession, WriteSession

__all__ = ["router", "thumbnail_routes"]

router = APIRouter(prefix="/api/v1")
router.include_router(image_routes.router)
router.include_router(member_routes.router)
router.include_router(thumbnail_form.router)

_NO_POOL = problem_response(404, "There is no such pool.")
_NO_CLASS = problem_response(404, "There is no such pool or class.")
_NAME_TAKEN = problem_response(409, "The name is taken; the sentence says by whom.")

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
After = Annotated[str, Query(pattern=r"^[0-9]{1,18}$", description="The `next` of the page before.")]


@router.get("/pools", tags=["pools"], summary="List pools")
def list_pools(session: ReadSession, asking: CurrentAsking) -> bodies.PoolList:
    """The pools that you are a member of, by name; for an admin, all."""
    lines = queries.pools(session, only=asking.only)
    return bodies.PoolList(items=[bodies.ListedPool(**asdict(pool) | asdict(counts)) for pool, counts in lines])


@router.post("/pools", tags=["pools"], summary="Make a pool", status_code=201, responses=_NAME_TAKEN)
def make_pool(
    session: SureSession, asking: CurrentAsking, person: CurrentPerson, body: bodies.NewPool
) -> bodies.PoolOut:
    """It starts without images and classes. Names that differ only in case are the same name.

    Whoever makes it becomes an engineer of it, unless they may do everything anyway.
    """
    made = queries.create_pool(session, name=body.name, classes_per_image=body.classes_per_image, person_id=person.id)
    if asking.only is not None:
        set_role(session, pool_id=made.id, person=person, role="engineer", by=person.id)
    return bodies.PoolOut(**asdict(made))


@router.get("/pools/{pool}", tags=["pools"], summary="Look at a pool", responses=_NO_POOL)
def look_at_pool(session: ReadSession, asking: CurrentAsking, pool: str) -> bodies.PoolDetail:
    """How many classes its images may have, and its folders, the first imported first.

    Where these lie is told to engineers, their names to all.
    """
    found = pool_named(session, pool)
    folders = [as_told(location, asking) for location in queries.folders_of(session, pool_id=found.id)]
    return bodies.PoolDetail(**asdict(found), folders=folders)


@router.patch("/pools/{pool}", tags=["pools"], summary="Rename a pool", responses=_NO_POOL | _NAME_TAKEN)
def rename_pool(session: WriteSession, pool: str, body: bodies.NewName, person: CurrentPerson) -> bodies.PoolOut:
    """Its addresses change with it, and the old ones lead nowhere; reviews, jobs and images keep theirs."""
    renamed = queries.rename_pool(session, pool=pool_named(session, pool), name=body.name, person_id=person.id)
    return bodies.PoolOut(**asdict(renamed))


@router.get("/pools/{pool}/classes", tags=["pools"], summary="List classes", responses=_NO_POOL)
def list_classes(session: ReadSession, pool: str) -> bodies.ClassList:
    """A pool's classes by name."""
    lines = queries.classes(session, pool_id=pool_named(session, pool).id)
    return bodies.ClassList(items=[bodies.ListedClass(name=line.name, accepted=count) for line, count in lines])


@router.post(
    "/pools/{pool}/classes", tags=["pools"], summary="Make a class", status_code=201, responses=_NO_POOL | _NAME_TAKEN
)
def make_class(session: WriteSession, pool: str, body: bodies.NewClass, person: CurrentPerson) -> bodies.ClassOut:
    """Names that differ only in case are the same name."""
    pool_id = pool_named(session, pool).id
    made = queries.create_class(session, pool_id=pool_id, name=body.name, person_id=person.id)
    return bodies.ClassOut(name=made.name)


@router.patch(
    "/pools/{pool}/classes/{class_name}", tags=["pools"], summary="Rename a class", responses=_NO_CLASS | _NAME_TAKEN
)
def rename_class(
    session: WriteSession, pool: str, class_name: str, body: bodies.NewName, person: CurrentPerson
) -> bodies.ClassOut:
    """All its verdicts stay; exports name it anew. Names that differ only in case are the same name."""
    pool_id = pool_named(session, pool).id
    label_class = queries.class_of_its_own(session, pool_id=pool_id, name=class_name)
    renamed = queries.rename_class(
        session, pool_id=pool_id, label_class=label_class, name=body.name, person_id=person.id
    )
    return bodies.ClassOut(name=renamed.name)


@router.get("/pools/{pool}/images", tags=["images"], summary="List images", responses=_NO_POOL)
def list_images(
    session: ReadSession,
    pool: str,
    limit: Limit = 100,
    after: After = "0",
    path: Annotated[str | None, Query(description="Only images whose path holds this text, in whatever case.")] = None,
) -> bodies.ImagePage:
    """A pool's images in the order of their import."""
    found = images_page(session, pool_id=pool_named(session, pool).id, limit=limit, after=int(after), path=path)
    items = [
        bodies.PooledImageOut(
            id=image.sha256, path=image.path, width=image.width, height=image.height, labels=list(image.labels)
        )
        for image in found
    ]
    return bodies.ImagePage(items=items, next=_next(found, limit))


@router.get("/pools/{pool}/unreadable", tags=["pools"], summary="List unreadable files", responses=_NO_POOL)
def list_unreadable(
    session: ReadSession, asking: CurrentAsking, pool: str, limit: Limit = 100, after: After = "0"
) -> bodies.UnreadablePage:
    """Files that the last import of their folder could not read, and why."""
    found = queries.unreadable_files(session, pool_id=pool_named(session, pool).id, limit=limit, after=int(after))
    items = [bodies.UnreadableOut(**asdict(line) | {"folder": as_told(line.folder, asking)}) for line in found]
    return bodies.UnreadablePage(items=items, next=_next(found, limit))


@router.get("/pools/{pool}/missing", tags=["pools"], summary="List missing images", responses=_NO_POOL)
def list_missing(
    session: ReadSession, asking: CurrentAsking, pool: str, limit: Limit = 100, after: After = "0"
) -> bodies.LostPage:
    """Images that an import found nowhere any more, and where they lay. Their labels stay."""
    found = queries.lost_images(session, pool_id=pool_named(session, pool).id, limit=limit, after=int(after))
    items = [
        bodies.LostOut(
            id=line.sha256, folder=as_told(line.folder, asking), path=line.path, missing_since=line.missing_since
        )
        for line in found
    ]
    return bodies.LostPage(items=items, next=_next(found, limit))


def _next(found: Sequence[PooledImage | UnreadableLine | LostLine], limit: int) -> str | None:
    return str(found[-1].id) if len(found) == limit else None
