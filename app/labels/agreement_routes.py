"""How far people agree on a class, over HTTP."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from app.labels import bodies, queries
from app.pools.queries import class_named, pool_named
from app.sessions import ReadSession
from app.verdicts.agreement import Agreement, agreement

router = APIRouter(prefix="/api/v1", tags=["labels"])

NOBODY_TWICE = "No picture of this class has been judged by two people yet."
NO_KAPPA = "not defined, as all verdicts are the same"


@router.get("/pools/{pool}/classes/{class_name}/agreement", summary="Show agreement")
def show_agreement(pool: str, class_name: str, session: ReadSession) -> bodies.AgreementOut:
    """Raw agreement and kappas over the images that at least two people judged, by each person's latest verdict.

    Settlements are left out. Unsure is an answer like the others. Beside it, how each person works: how fast, and what
    they catch of known wrong pictures that are shown among the others.
    """
    pool_id = pool_named(session, name=pool).id
    class_id = class_named(session, pool_id=pool_id, name=class_name).id
    found = agreement(queries.answers(session, class_id=class_id))
    names = queries.names(session, person_ids={person for pair in found.pairs for person in pair.people})
    return bodies.AgreementOut(
        images=found.images,
        raw=found.raw,
        fleiss=found.fleiss,
        sentence=_sentence(found),
        pairs=[
            bodies.PairOut(
                people=(people := [names[person] for person in pair.people]),
                images=pair.images,
                raw=pair.raw,
                cohen=pair.kappa,
                sentence=f"{people[0]} and {people[1]}: {_percent(pair.raw)} on {_pictures(pair.images)}, "
                f"Cohen’s kappa {_kappa(pair.kappa)}.",
            )
            for pair in found.pairs
        ],
        people=[
            bodies.WorkOut(**asdict(work), sentence=_told(work)) for work in queries.work_on(session, class_id=class_id)
        ],
    )


def _sentence(found: Agreement) -> str:
    if found.raw is None:
        return NOBODY_TWICE
    return (
        f"On {_pictures(found.images)} that at least two people judged, they agree {_percent(found.raw)}. "
        f"Fleiss’ kappa {_kappa(found.fleiss)}."
    )


def _told(work: queries.Work) -> str:
    parts = ["1 page" if work.pages == 1 else f"{work.pages:,} pages"]
    if work.seconds is not None:
        parts.append(f"half of them in {work.seconds:.3g} s or less" if work.pages > 1 else f"in {work.seconds:.3g} s")
    if work.planted:
        parts.append(f"caught {work.caught:,} of {work.planted:,} planted ones")
    return f"{work.person}: {', '.join(parts)}."


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def _percent(share: float) -> str:
    # No “100 %” where somebody differs.
    return f"{min(99.9, 100 * share) if share < 1 else 100:.3g} %"


def _kappa(value: float | None) -> str:
    return NO_KAPPA if value is None else f"{value:.2f}"
