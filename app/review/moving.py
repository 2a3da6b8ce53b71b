"""Moves a review to another index version; all its verdicts stay, and rank there."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from app.errors import Conflict
from app.registry.queries import VersionLine, VersionNotFound
from app.review import page_queries, queries
from app.review.new_review import Upload
from app.review.queries import QueryPicture, ReviewLine
from app.review.uploads import UploadStore
from app.review.vectors import Embed, part_vector, upload_vector
from app.search.crops import Crop
from app.words import SAMPLE


class UploadGone(Conflict):
    """A picture that this review was started from was uploaded, and its file is gone: start a new review."""


def move(
    session: Session,
    *,
    review: ReviewLine,
    pinned: VersionLine,
    to: VersionLine,
    embed: Embed,
    store: UploadStore,
) -> None:
    """Pin a review to another version of its pool; an open page is set aside, except that of a sample.

    Vectors of uploads and of parts are made anew by `embed`, the encoder of the new version, if it is another one.
    Raises VersionNotFound, UploadGone, and what app.review.vectors raises; nothing is changed then.
    """
    if to.pool_id != review.pool_id:
        raise VersionNotFound
    if to.digest != pinned.digest:
        pictures = queries.query_pictures(session, review_id=review.id)
        anew = [_anew(session, picture, embed, store) for picture in pictures]
        queries.change_vectors(session, review_id=review.id, vectors=[picture.vector for picture in anew])
    queries.pin(session, review_id=review.id, index_version_id=to.id)
    open_page = page_queries.oldest_open_page(session, review_id=review.id)
    if open_page is not None and open_page.kind != SAMPLE:
        page_queries.set_aside(session, page_id=open_page.id)


def _anew(session: Session, picture: QueryPicture, embed: Embed, store: UploadStore) -> QueryPicture:
    if picture.vector is None:
        return picture
    if picture.image_id is not None:
        whole = Crop(left=0.0, top=0.0, width=1.0, height=1.0)
        return replace(picture, vector=part_vector(session, picture.image_id, picture.crop or whole, embed))
    try:
        upload = Upload(name="", data=store.read(picture.sha256))
    except OSError as error:
        raise UploadGone from error
    return replace(picture, vector=upload_vector(upload, picture.crop, embed))
