"""What a review starts from: images, parts of them, uploads, what the class has accepted, and what is unwanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid, UnsupportedMedia
from app.pools.held import held_images
from app.registry.queries import VersionLine, served_version
from app.registry.row_maps import RowMap
from app.review.bodies import CropBody, QueryBody
from app.review.new_review import Upload
from app.review.queries import QueryPicture
from app.review.uploads import UploadStore
from app.review.vectors import Embed, part_vector, upload_vector
from app.search.crops import Crop
from app.tables import Image
from app.verdicts.queries import accepted_by_others, images_with
from app.words import ACCEPT
from ml.images import UnreadableImage

# A review that starts from a class's labelled images writes down so many of them. Its ranking learns from all that
# the class has accepted anyway; these are what it began with, whatever becomes of the labels.
LABELLED_KEPT = 100


class NotIndexedYet(Conflict):
    """This pool has no index version yet: reindex it first."""


class ImageNotIndexed(Conflict):
    """This image is not in the served index version: reindex the pool first."""


class NothingToStartFrom(Invalid):
    """A review starts from at least one picture."""


class WantedAndUnwanted(Invalid):
    """An image is named both as wanted and as unwanted."""


class NothingLabelled(Conflict):
    """This class has no accepted images yet: start from a picture."""


class NothingAcceptedByOthers(Conflict):
    """Nobody else has accepted anything for this class that you have not judged, so there is nothing to look at."""


def version_to_pin(session: Session, *, pool_id: int) -> VersionLine:
    """Return the version that a review started now works on. Raises NotIndexedYet."""
    version = served_version(session, pool_id=pool_id)
    if version is None:
        raise NotIndexedYet
    return version


def query_of(
    session: Session,
    query: QueryBody,
    added: Sequence[Upload],
    *,
    pool_id: int,
    class_id: int,
    row_map: RowMap,
    embed: Embed,
    store: UploadStore,
) -> list[QueryPicture]:
    """Return the pictures of a query, the wanted ones first, without repetitions.

    Uploads are kept when everything else has been found to be in order. Raises NothingToStartFrom, WantedAndUnwanted,
    NotInThisPool, ImageNotIndexed, NothingLabelled, UnsupportedMedia, and what app.review.vectors raises.
    """
    if not (query.images or query.crops or added or query.labelled):
        alone = "A review cannot start from unwanted pictures alone: name one that is wanted as well."
        raise NothingToStartFrom(alone if query.unwanted else None)
    if both := set(query.images) & set(query.unwanted):
        raise WantedAndUnwanted(f"Image {min(both)} is named both as wanted and as unwanted.")

    whole = _indexed(session, pool_id=pool_id, images=query.images, row_map=row_map)
    unwanted = _indexed(session, pool_id=pool_id, images=query.unwanted, row_map=row_map)
    labelled = _labelled(session, class_id=class_id, row_map=row_map) if query.labelled else {}
    parts_of = [(crop.image, crop.crop) for crop in query.crops if crop.image is not None]
    cut = held_images(session, pool_id=pool_id, images=[image for image, _ in parts_of])
    parts = [
        QueryPicture(cut[image], image, part_vector(session, cut[image], crop, embed, pool_id=pool_id), crop=crop)
        for image, crop in parts_of
    ]
    uploads = _uploads(added, query.crops, embed, store)

    liked = [QueryPicture(id_, image, None) for image, id_ in (whole | labelled).items() if image not in unwanted]
    disliked = [QueryPicture(id_, image, None, wanted=False) for image, id_ in unwanted.items()]
    if not (liked or parts or uploads):
        raise NothingToStartFrom("Every labelled picture of this class is named as unwanted.")
    return list(dict.fromkeys([*liked, *parts, *uploads, *disliked]))


def query_of_second(session: Session, *, class_id: int, person_id: int, row_map: RowMap) -> list[QueryPicture]:
    """Return what a second review starts from: some of what others accepted. Raises NothingAcceptedByOthers."""
    accepted = accepted_by_others(session, class_id=class_id, person_id=person_id)
    if not accepted:
        raise NothingAcceptedByOthers
    return [QueryPicture(id_, image, None) for image, id_ in _spread(session, accepted, row_map).items()]


def _indexed(session: Session, *, pool_id: int, images: Sequence[str], row_map: RowMap) -> dict[str, int]:
    held = held_images(session, pool_id=pool_id, images=images)
    for image, row in zip(held, row_map.rows_of(list(held.values())), strict=True):
        if row < 0:
            raise ImageNotIndexed(f"Image {image} is not in the served index version: reindex the pool first.")
    return held


def _labelled(session: Session, *, class_id: int, row_map: RowMap) -> dict[str, int]:
    """Return accepted images of the class, spread evenly over all of them in the order of their acceptance."""
    accepted = images_with(session, class_id=class_id, value=ACCEPT)
    if not accepted:
        raise NothingLabelled
    return _spread(session, accepted, row_map)


def _spread(session: Session, images: Sequence[int], row_map: RowMap) -> dict[str, int]:
    """Return some of these images of the index, evenly from the first to the last."""
    accepted = np.array(images, dtype=np.int64)
    accepted = accepted[row_map.rows_of(accepted) >= 0]
    if not len(accepted):
        raise ImageNotIndexed("No accepted image of this class is in the served index version: reindex the pool first.")
    places = np.linspace(0, len(accepted) - 1, min(LABELLED_KEPT, len(accepted))).round().astype(int)
    chosen = accepted[places].tolist()
    names = dict(session.execute(select(Image.id, Image.sha256).where(Image.id.in_(chosen))).all())
    return {names[image_id]: image_id for image_id in chosen}


def _uploads(
    uploads: Sequence[Upload], crops: Iterable[CropBody], embed: Embed, store: UploadStore
) -> list[QueryPicture]:
    """Return the parts of uploads that are asked for, and as wholes the uploads of which none is. All are kept."""
    asked = [(crop.upload, crop.crop) for crop in crops if crop.upload is not None]
    in_parts = {number for number, _ in asked}
    pieces: list[tuple[Upload, Crop | None]] = [(uploads[number], crop) for number, crop in asked]
    pieces += [(upload, None) for number, upload in enumerate(uploads) if number not in in_parts]
    vectors = [upload_vector(upload, crop, embed) for upload, crop in pieces]
    kept = _kept((upload for upload, _ in pieces), store)
    return [
        QueryPicture(None, kept[upload], vector, crop=crop)
        for (upload, crop), vector in zip(pieces, vectors, strict=True)
    ]


def _kept(uploads: Iterable[Upload], store: UploadStore) -> dict[Upload, str]:
    kept = {}
    for upload in dict.fromkeys(uploads):
        try:
            kept[upload] = store.keep(upload.data)
        # A picture can be decoded at a reduced size, for its vector, and still not in full.
        except UnreadableImage as reason:
            raise UnsupportedMedia(f"The uploaded file “{upload.name}” {reason}.") from reason
    return kept
