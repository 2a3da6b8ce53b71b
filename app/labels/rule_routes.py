"""The rule of a pool over HTTP: which it is, and what changing it makes of the labels."""

from __future__ import annotations

from fastapi import APIRouter

from app.identity.people import CurrentPerson
from app.labels import bodies
from app.pools.queries import pool_named
from app.sessions import ReadSession, WriteSession
from app.verdicts.rules import change_rule, label_counts, pool_rule

router = APIRouter(prefix="/api/v1", tags=["labels"])


@router.get("/pools/{pool}/rule", summary="Show the rule")
def show_rule(pool: str, session: ReadSession) -> bodies.RuleOut:
    """What the verdicts of several people amount to in this pool, and how many labels that makes."""
    pool_id = pool_named(session, name=pool).id
    held = pool_rule(session, pool_id=pool_id)
    return bodies.RuleOut(rule=held.rule, majority_of=held.majority_of, labels=label_counts(session, pool_id=pool_id))


@router.put("/pools/{pool}/rule", summary="Change the rule")
def put_rule(pool: str, wanted: bodies.RuleBody, session: WriteSession, person: CurrentPerson) -> bodies.RuleChanged:
    """Make all labels of the pool anew by another rule. No verdict is lost: the rule before brings back its labels."""
    done = change_rule(
        session,
        pool_id=pool_named(session, name=pool).id,
        rule=wanted.rule,
        majority_of=wanted.majority_of,
        person_id=person.id,
    )
    return bodies.RuleChanged(**wanted.model_dump(), labels=done.after, before=done.before, changed=done.changed)
