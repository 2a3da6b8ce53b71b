"""What is stated of lots whose rest was accepted, and what came of it since."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from app.pools.merged import counting_for, final_class_id
from app.tables import Commit, Label, Lot, Review, Verdict
from app.verdicts import acceptance
from app.verdicts.queries import STANDS
from app.words import ACCEPT, SAMPLE


@dataclass(frozen=True)
class AcceptedLot:
    """A lot whose rest was accepted by sample."""

    id: int
    review_id: int
    labels: int  # that were made by sample
    rejected_since: int  # of those, by whatever verdict came later
    stated: str
    restated: str | None  # once some were rejected


def accepted_lots(session: Session, *, class_id: int) -> list[AcceptedLot]:
    """Return the accepted lots of a class, the latest first, each with what may be said of it now."""
    rows = session.execute(
        select(Lot.id, Lot.review_id, Lot.size, Lot.confidence, Commit.answer)
        .join(Commit, Commit.lot_id == Lot.id)
        .where(Commit.class_id.in_(counting_for(session, class_id)), Commit.kind == "lot", STANDS)
        .order_by(Commit.id.desc())
    )
    lots = []
    for lot_id, review_id, size, confidence, answer in rows:
        since = rejected_since(session, lot_id=lot_id)
        lots.append(
            AcceptedLot(
                lot_id,
                review_id,
                answer["accepted"],
                since,
                answer["statement"],
                restated(size, answer["matches_at_least"], answer["rejected"], since, confidence) if since else None,
            )
        )
    return lots


def rejected_since(session: Session, *, lot_id: int) -> int:
    """Count the labels made by a lot's sample that another verdict has taken the place of, other than an acceptance."""
    of_review = session.scalars(select(Review.class_id).join(Lot, Lot.review_id == Review.id).where(Lot.id == lot_id))
    class_id = final_class_id(session, of_review.one())
    given, latest = aliased(Verdict), aliased(Verdict)
    return session.scalars(
        select(func.count())
        .select_from(given)
        .join(Commit, Commit.id == given.commit_id)
        # Where another class has taken the image over, there is no label of this one left.
        .outerjoin(Label, (Label.image_id == given.image_id) & (Label.class_id == class_id))
        .outerjoin(latest, latest.id == Label.verdict_id)
        .where(
            Commit.lot_id == lot_id,
            Commit.kind == "lot",
            STANDS,
            given.basis == SAMPLE,
            or_(latest.id.is_(None), latest.value != ACCEPT),
        )
    ).one()


def restated(size: int, matches: int, rejected: int, since: int, confidence: float) -> str:
    """Return what may be said of a lot's labels after `since` of them were rejected, beside those of the sample."""
    known = rejected + since
    return acceptance.told_again(size - known, acceptance.restated(size, matches, known), confidence=confidence)
