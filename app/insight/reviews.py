"""The reviews of a pool at a glance, to be continued."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from app.identity.people import goes_on_with
from app.pools.merged import final_classes
from app.pools.queries import pool_named
from app.sessions import ReadSession
from app.tables import Commit, Image, LabelClass, Page, Person, Review, ReviewQuery
from app.verdicts.queries import STANDS
from app.words import SECOND

router = APIRouter(prefix="/api/v1", tags=["reviews"])


@dataclass(frozen=True)
class ListedReview:
    id: int
    class_name: str
    person: str
    created_at: datetime
    last_at: datetime | None  # of the last commit in force
    pages: int  # commits in force
    accepted: int  # images, on its pages and by sample, whatever became of them
    rejected: int
    has_open_page: bool
    thumbnail: str  # the first picture it starts from, by SHA-256


class ReviewItem(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    class_name: str = Field(serialization_alias="class")
    person: str
    created_at: datetime
    last_at: datetime | None = Field(description="Of the last commit in force; null before the first.")
    pages: int = Field(description="Committed pages.")
    accepted: int = Field(description="Images, on its pages and by sample, whatever was said of them since.")
    rejected: int
    has_open_page: bool
    thumbnail: str = Field(description="The picture it starts from: an image of the pool, or an upload.")


class ReviewList(BaseModel):
    items: list[ReviewItem]


@router.get("/pools/{pool}/reviews", summary="List the reviews of a pool")
def list_reviews(pool: str, session: ReadSession) -> ReviewList:
    """The one worked on last comes first."""
    found = reviews(session, pool_id=pool_named(session, pool).id)
    return ReviewList(items=[ReviewItem.model_validate(line) for line in found])


def reviews(
    session: Session, *, pool_id: int, of: int | None = None, besides: int | None = None, limit: int | None = None
) -> list[ListedReview]:
    """Return a pool's reviews, the one worked on last first.

    `of` keeps those that a person, by id, goes on with; `besides` the others.
    """
    whose = [goes_on_with(of)] if of is not None else [~goes_on_with(besides)] if besides is not None else []
    chosen = (Review.pool_id == pool_id, *whose)
    of_page = Commit.kind == "page"
    # A second look shows again what an earlier page has told; and what a lot's sample held, its pages have told.
    counts = or_(Page.kind.is_(None), Page.kind != SECOND)
    standing = (
        # What a commit was answered holds its sums already: a million verdicts need not be looked up.
        select(
            Commit.review_id,
            func.sum(case((of_page, 1), else_=0)).label("pages"),
            func.max(case((of_page, Commit.created_at))).label("last_at"),
            func.sum(case((counts, Commit.answer["accepted"].as_integer()), else_=0)).label("accepted"),
            func.sum(case((of_page & counts, Commit.answer["rejected"].as_integer()), else_=0)).label("rejected"),
        )
        .outerjoin(Page, Page.id == Commit.page_id)
        .where(Commit.pool_id == pool_id, Commit.review_id.in_(select(Review.id).where(*chosen)), STANDS)
        .group_by(Commit.review_id)
        .subquery()
    )
    final = final_classes(pool_id)
    made = select(func.count()).where(Page.review_id == Review.id, Page.set_aside_at.is_(None)).scalar_subquery()
    committed = func.coalesce(standing.c.pages, 0)
    rows = session.execute(
        select(
            Review.id,
            LabelClass.name,
            Person.name,
            Review.created_at,
            standing.c.last_at,
            committed,
            func.coalesce(standing.c.accepted, 0),
            func.coalesce(standing.c.rejected, 0),
            made > committed,
            func.coalesce(Image.sha256, ReviewQuery.upload_sha256),
        )
        .join(final, final.c.id == Review.class_id)
        .join(LabelClass, LabelClass.id == final.c.final_id)
        .join(Person, Person.id == Review.person_id)
        .outerjoin(standing, standing.c.review_id == Review.id)
        .join(ReviewQuery, and_(ReviewQuery.review_id == Review.id, ReviewQuery.position == 0))
        .outerjoin(Image, Image.id == ReviewQuery.image_id)
        .where(*chosen)
        .order_by(func.coalesce(standing.c.last_at, Review.created_at).desc(), Review.id.desc())
        .limit(limit)
    )
    return [ListedReview(*row) for row in rows]
