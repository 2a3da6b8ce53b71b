"""Reviews and their pages in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.pools.merged import final_class_id
from app.pools.queries import class_by_id
from app.search.crops import Crop
from app.tables import (
    Image,
    LabelClass,
    Person,
    Pool,
    Review,
    ReviewQuery,
)
from app.verdicts.journal import hold_classes
from app.words import FIRST, ReviewKind


class ReviewNotFound(NotFound):
    """There is no such review."""


@dataclass(frozen=True)
class ReviewLine:
    id: int
    pool_id: int
    pool: str
    classes_per_image: str
    class_id: int  # that its verdicts are for: where its own was merged into another one, that one
    class_name: str
    merged_name: str | None  # of its own class, if that was merged
    person: str
    index_version_id: int  # that the review is pinned to
    created_at: datetime
    kind: ReviewKind

    @property
    def one_class_per_image(self) -> bool:
        return self.classes_per_image == "one"

    @property
    def merge_told(self) -> str | None:
        """What becomes of its verdicts, in a sentence, if its class was merged since it began."""
        if self.merged_name is None:
            return None
        return f"“{self.merged_name}” was merged into “{self.class_name}”: what is stored here counts for that class."


@dataclass(frozen=True)
class QueryPicture:
    """One picture that a review starts from, or a part of one."""

    image_id: int | None
    sha256: str  # of the image, or of the upload
    vector: bytes | None  # None where the index version holds it
    wanted: bool = True
    crop: Crop | None = None

    @property
    def uploaded(self) -> bool:
        return self.image_id is None


_REVIEW = (
    select(
        Review.id,
        Review.pool_id,
        Pool.name,
        Pool.classes_per_image,
        Review.class_id,
        LabelClass.name,
        LabelClass.merged_into_id,
        Person.name,
        Review.index_version_id,
        Review.created_at,
        Review.kind,
    )
    .join(Pool, Pool.id == Review.pool_id)
    .join(LabelClass, LabelClass.id == Review.class_id)
    .join(Person, Person.id == Review.person_id)
    .where(Review.id == bindparam("review"))
)
_HELD_REVIEW = _REVIEW.with_for_update(of=Review, key_share=True)
_HOLD_REVIEW = select(Review.id).where(Review.id == bindparam("review")).with_for_update(key_share=True)
_POOL = select(Review.pool_id).where(Review.id == bindparam("review"))
_PICTURES = (
    select(
        ReviewQuery.image_id,
        func.coalesce(Image.sha256, ReviewQuery.upload_sha256),
        ReviewQuery.vector,
        ReviewQuery.wanted,
        ReviewQuery.crop,
    )
    .outerjoin(Image, Image.id == ReviewQuery.image_id)
    .where(ReviewQuery.review_id == bindparam("review"))
    .order_by(ReviewQuery.position)
)


def review(session: Session, *, review_id: int, lock: bool = False) -> ReviewLine:
    """Return a review; with `lock`, one request at a time makes pages for it. Raises ReviewNotFound.

    Commits of its pages go on meanwhile: a stronger lock would wait for them, and they for it.
    """
    row = session.connection().execute(_HELD_REVIEW if lock else _REVIEW, {"review": review_id}).one_or_none()
    if row is None:
        raise ReviewNotFound
    pool_id, pool, classes_per_image, class_id, class_name, merged_into, *more = row[1:]
    if merged_into is None:
        return ReviewLine(review_id, pool_id, pool, classes_per_image, class_id, class_name, None, *more)
    final = class_by_id(session, final_class_id(session, merged_into))
    return ReviewLine(review_id, pool_id, pool, classes_per_image, final.id, final.name, class_name, *more)


def hold_review(session: Session, *, review_id: int) -> None:
    """Let nobody else make pages for a review until this transaction ends."""
    session.connection().execute(_HOLD_REVIEW, {"review": review_id})


def review_to_store(session: Session, *, review_id: int) -> ReviewLine:
    """Return a review whose class is not merged before this transaction ends. Raises ReviewNotFound."""
    pool_id = session.connection().execute(_POOL, {"review": review_id}).scalar_one_or_none()
    if pool_id is None:
        raise ReviewNotFound
    hold_classes(session, pool_id=pool_id)
    return review(session, review_id=review_id)


def add_review(
    session: Session,
    *,
    pool_id: int,
    class_id: int,
    person_id: int,
    index_version_id: int,
    query: Sequence[QueryPicture],
    kind: ReviewKind = FIRST,
) -> int:
    """Store a review with the pictures it starts from and return its id."""
    added = Review(
        kind=kind, pool_id=pool_id, class_id=class_id, person_id=person_id, index_version_id=index_version_id
    )
    session.add(added)
    session.flush()
    for position, picture in enumerate(query):
        session.add(
            ReviewQuery(
                review_id=added.id,
                position=position,
                image_id=picture.image_id,
                upload_sha256=picture.sha256 if picture.uploaded else None,
                vector=picture.vector,
                wanted=picture.wanted,
                crop=picture.crop and asdict(picture.crop),
            )
        )
    session.flush()
    return added.id


def query_pictures(session: Session, *, review_id: int) -> list[QueryPicture]:
    """Return what a review starts from, in the order given."""
    rows = session.connection().execute(_PICTURES, {"review": review_id})
    return [
        QueryPicture(image_id, sha256, vector, wanted, Crop(**crop) if crop else None)
        for image_id, sha256, vector, wanted, crop in rows
    ]


def change_vectors(session: Session, *, review_id: int, vectors: Sequence[bytes | None]) -> None:
    """Give the pictures of a query other vectors, in the order of the query."""
    for position, vector in enumerate(vectors):
        session.get_one(ReviewQuery, (review_id, position)).vector = vector
    session.flush()


def pin(session: Session, *, review_id: int, index_version_id: int) -> None:
    """Let a review work on another index version."""
    session.get_one(Review, review_id).index_version_id = index_version_id
    session.flush()
