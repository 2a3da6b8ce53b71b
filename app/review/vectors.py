"""Vectors of the parts and the uploads that a review starts from, or a sentence that says which cannot be used."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sqlalchemy.orm import Session

from app.errors import AppError, Invalid, UnsupportedMedia
from app.pools.errors import OriginalChanged, OriginalMissing
from app.pools.images import originals_of
from app.pools.originals import intact_original, record_png
from app.review.new_review import Upload
from app.search.crops import Crop, TooSmall
from app.search.ranking import Floats
from ml.images import UnreadableImage, read_picture

# Makes the vector (d,) of a picture's bytes, or of a part of it. Raises UnreadableImage and TooSmall.
Embed = Callable[[bytes, Crop | None], Floats]


class CropTooSmall(Invalid):
    """A part to start from has too few pixels."""


def upload_vector(upload: Upload, crop: Crop | None, embed: Embed) -> bytes:
    """Return the vector of an upload as the database keeps it. Raises UnsupportedMedia and CropTooSmall."""
    name = f"the uploaded file “{upload.name}”" if upload.name else "the uploaded file"
    return _vector(embed, upload.data, crop, name=name, unreadable=UnsupportedMedia)


def part_vector(session: Session, image_id: int, crop: Crop, embed: Embed, *, pool_id: int) -> bytes:
    """Return the vector of a part of an image, read from where this pool has it.

    Raises OriginalMissing, OriginalChanged and CropTooSmall; each names the path.
    """
    originals = originals_of(session, image_id=image_id, pool_id=pool_id)
    name = f"“{originals[0].path}”" if originals else "an image"
    try:
        file, original = intact_original(originals)
        data = read_picture(file) if original.record is None else record_png(file, original.record)
    except (OriginalMissing, OriginalChanged) as error:
        raise type(error)(f"No part can be cut out of {name}. {error.sentence}") from error
    except UnreadableImage as reason:
        raise OriginalMissing(f"No part can be cut out of {name}: it {reason}.") from reason
    return _vector(embed, data, crop, name=name, unreadable=OriginalChanged)


def _vector(embed: Embed, data: bytes, crop: Crop | None, *, name: str, unreadable: type[AppError]) -> bytes:
    try:
        return np.asarray(embed(data, crop), dtype="<f4").tobytes()
    except TooSmall as reason:
        raise CropTooSmall(f"The part of {name} {reason}.") from reason
    except UnreadableImage as reason:
        raise unreadable(f"{name[0].upper()}{name[1:]} {reason}.") from reason
