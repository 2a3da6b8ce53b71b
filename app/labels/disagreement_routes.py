"""Disagreements over HTTP: the queue, and settling."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from app.identity.people import CurrentPerson
from app.labels import bodies
from app.labels.disagreements import SettledMeanwhile, disagreements, settle
from app.pools.bodies import problem_response
from app.pools.held import held_images
from app.pools.queries import class_named, pool_named
from app.sessions import ReadSession, WriteSession
from app.verdicts.queries import disputed_labels

router = APIRouter(prefix="/api/v1", tags=["labels"])


@router.get("/pools/{pool}/disagreements", summary="List disagreements")
def list_disagreements(
    pool: str,
    session: ReadSession,
    class_name: Annotated[str | None, Query(alias="class", description="Only of this class.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="The `next` of the page before.")] = 0,
) -> bodies.DisagreementsPage:
    """Images about which people differ and which nobody has settled, with what everybody said."""
    pool_id = pool_named(session, name=pool).id
    class_id = None if class_name is None else class_named(session, pool_id=pool_id, name=class_name).id
    found = disagreements(session, pool_id=pool_id, class_id=class_id, limit=limit, after=after)
    disputed = disputed_labels(session, pool_id=pool_id)
    return bodies.DisagreementsPage(
        items=[bodies.DisagreementOut.model_validate(line) for line in found],
        next=str(found[-1].id) if len(found) == limit else None,
        total=disputed if class_id is None else disputed_labels(session, pool_id=pool_id, class_id=class_id),
        disputed=disputed,
    )


@router.post(
    "/pools/{pool}/classes/{class_name}/settlements",
    summary="Settle disagreements",
    responses=problem_response(409, "Somebody else has settled it; or the key was used for something else."),
)
def post_settlement(
    pool: str, class_name: str, wanted: bodies.Settlement, session: WriteSession, person: CurrentPerson
) -> bodies.SettlementOut:
    """Say what holds of images, under every rule, until it is undone or settled again.

    Sent again with its `key`, the same settlement gets the same commit. With what was `seen`, it overrides nobody
    unawares: where somebody else has settled an image since, nothing is stored, and a 409 tells what is `said` now.
    Verdicts that contradict it later bring the images back to the queue, and do not change the label.
    """
    pool_id = pool_named(session, name=pool).id
    class_id = class_named(session, pool_id=pool_id, name=class_name).id
    held = held_images(session, pool_id=pool_id, images=wanted.images)
    try:
        commit = settle(
            session,
            pool_id=pool_id,
            class_id=class_id,
            person_id=person.id,
            images=held,
            verdict=wanted.verdict,
            key=wanted.key,
            seen=wanted.seen,
        )
    except SettledMeanwhile as error:
        error.more = bodies.SaidMeanwhile.model_validate(error).model_dump(mode="json", by_alias=True)
        raise
    return bodies.SettlementOut(commit=commit, settled=len(held), disputed=disputed_labels(session, pool_id=pool_id))
