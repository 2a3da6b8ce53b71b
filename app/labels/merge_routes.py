"""Merging classes over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.identity.people import CurrentPerson
from app.labels import bodies, merging
from app.pools.queries import pool_named
from app.sessions import ReadSession, WriteSession

router = APIRouter(prefix="/api/v1/pools/{pool}/classes/{class_name}/merge", tags=["labels"])

_NO_CLASS: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such pool or class."}}
_MERGED: dict[int | str, dict[str, Any]] = {409: {"description": "It was merged already; the sentence says into what."}}
_NOT_MERGED: dict[int | str, dict[str, Any]] = {409: {"description": "The class is not merged into another one."}}


@router.get("", summary="Look ahead to a merge", responses=_NO_CLASS | _MERGED)
def look_ahead(
    pool: str, class_name: str, into: Annotated[str, Query(description="Another class.")], session: ReadSession
) -> bodies.MergeAheadOut:
    """What a merge would bring together. Nothing is changed."""
    pool_id = pool_named(session, pool).id
    return bodies.MergeAheadOut.model_validate(merging.look_ahead(session, pool_id=pool_id, name=class_name, into=into))


@router.post("", summary="Merge a class into another", responses=_NO_CLASS | _MERGED)
def merge(
    pool: str, class_name: str, wanted: bodies.Merge, session: WriteSession, person: CurrentPerson
) -> bodies.MergedOut:
    """Its verdicts stay as they were given and count for the other class; so does what its open reviews store.

    Its name means the other class from then on.
    """
    into = merging.merge(
        session, pool_id=pool_named(session, pool).id, name=class_name, into=wanted.into, person_id=person.id
    )
    return bodies.MergedOut(class_name=into.name)


@router.delete("", summary="Take a merge back", responses=_NO_CLASS | _NOT_MERGED)
def unmerge(pool: str, class_name: str, session: WriteSession, person: CurrentPerson) -> bodies.MergedOut:
    """The class has its own verdicts again. What was stored since stays with the class that it was merged into."""
    found = merging.unmerge(session, pool_id=pool_named(session, pool).id, name=class_name, person_id=person.id)
    return bodies.MergedOut(class_name=found.name)
