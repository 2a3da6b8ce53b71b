"""Moves a review to another index version; all its verdicts stay, and rank there."""

from __future__ import annotations

from sqlalchemy.orm import Session

from app.errors import Conflict
from app.registry.queries import VersionLine, VersionNotFound
from app.registry.serving import VersionRemoved, keep_version
from app.review import page_queries, queries
from app.review.new_review import Upload
from app.review.queries import QueryPicture, ReviewLine
from app.review.uploads import UploadStore
from app.review.vectors import Embed, part_vector, upload_vector
from app.search.crops import Crop
from app.words import SAMPLE


class MovedMeanwhile(Conflict):
    """This review was moved in another window just now."""


class UploadGone(Conflict):
    """A picture that this review was started from was uploaded, and its file is gone: start a new review."""


def vectors_there(
    session: Session, *, review: ReviewLine, pinned: VersionLine, to: VersionLine, embed: Embed, store: UploadStore
) -> list[bytes | None] | None:
    """Return the vectors of the query's pictures under the encoder of another version, None if it is the same encoder.

    It may take a second a picture, for which nobody else's writing should wait. Raises VersionNotFound, VersionRemoved,
    UploadGone, and what app.review.vectors raises.
    """
    if to.pool_id != review.pool_id:
        raise VersionNotFound
    if to.removed_at is not None:
        raise VersionRemoved
    if to.digest == pinned.digest:
        return None
    pictures = queries.query_pictures(session, review_id=review.id)
    return [_anew(session, picture, embed, store, pool_id=review.pool_id) for picture in pictures]


def move(session: Session, *, review: ReviewLine, to: VersionLine, vectors: list[bytes | None] | None) -> None:
    """Pin a review to another version of its pool; an open page is set aside, except that of a sample.

    `vectors` are what `vectors_there` returned. Raises MovedMeanwhile if the review is not where it was then, and
    VersionRemoved.
    """
    if queries.review(session, review_id=review.id, lock=True).index_version_id != review.index_version_id:
        raise MovedMeanwhile
    keep_version(session, pool_id=review.pool_id, version_id=to.id)
    if vectors is not None:
        queries.change_vectors(session, review_id=review.id, vectors=vectors)
    queries.pin(session, review_id=review.id, index_version_id=to.id)
    open_page = page_queries.oldest_open_page(session, review_id=review.id)
    if open_page is not None and open_page.kind != SAMPLE:
        page_queries.set_aside(session, page_id=open_page.id)


def _anew(session: Session, picture: QueryPicture, embed: Embed, store: UploadStore, *, pool_id: int) -> bytes | None:
    if picture.vector is None:
        return None
    if picture.image_id is not None:
        whole = Crop(left=0.0, top=0.0, width=1.0, height=1.0)
        return part_vector(session, picture.image_id, picture.crop or whole, embed, pool_id=pool_id)
    try:
        upload = Upload(name="", data=store.read(picture.sha256))
    except OSError as error:
        raise UploadGone from error
    return upload_vector(upload, picture.crop, embed)
