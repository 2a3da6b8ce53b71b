"""Where the bytes of a pool's images lie, as the list that `python -m ml embed` reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.tables import Folder, Image, ImagePath, PoolImage
from ml.images import ListedImage


@dataclass(frozen=True)
class Original:
    """One place where an image's bytes lay when they were imported."""

    sha256: str
    location: str  # of the folder
    path: str  # within it, as people know it
    record: int | None

    @property
    def file(self) -> Path:
        return Path(self.location, self.path if self.record is None else self.path.rpartition("#")[0])


def originals(session: Session, *, pool_id: int) -> list[Original]:
    """Return one place for each image of a pool, in the order of their import; one that exists, where there is one.

    Missing ones are listed too: the embedding names them, or has their vector already.
    """
    by_image = groupby(_places(session, pool_id), key=lambda place: place.sha256)
    return [_best(list(places)) for _, places in by_image]


def listed(original: Original) -> ListedImage:
    """Return the original as an entry of the list."""
    return ListedImage(original.sha256, original.file, original.record)


def _places(session: Session, pool_id: int) -> Iterator[Original]:
    rows = session.execute(
        select(Image.sha256, Folder.location, ImagePath.path, ImagePath.record)
        .join(PoolImage, PoolImage.image_id == Image.id)
        .join(ImagePath, ImagePath.image_id == Image.id)
        .join(Folder, Folder.id == ImagePath.folder_id)
        .where(PoolImage.pool_id == pool_id, Folder.pool_id == pool_id)
        .order_by(Image.id, ImagePath.missing_since.is_not(None), ImagePath.path)
    )
    for row in rows:
        yield Original(*row)


def _best(places: Sequence[Original]) -> Original:
    if len(places) == 1:
        return places[0]
    return next((place for place in places if place.file.exists()), places[0])
