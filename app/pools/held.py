"""What a pool holds, for the rooms above: its images by their hash, and the path to name an image by."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BindParameter, SQLColumnExpression, case, func, select
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.tables import Folder, Image, ImagePath, PoolImage


class NotInThisPool(Invalid):
    """The pool does not hold this image."""


def held_images(session: Session, *, pool_id: int, images: Collection[str]) -> dict[str, int]:
    """Return {SHA-256 in hex: image id}, in the order asked, without repetitions.

    Raises NotInThisPool, naming the first image that the pool does not hold.
    """
    wanted = list(dict.fromkeys(images))
    rows = session.execute(
        select(Image.sha256, Image.id)
        .join(PoolImage, PoolImage.image_id == Image.id)
        .where(PoolImage.pool_id == pool_id, Image.sha256.in_(wanted))
    )
    held = dict(rows.all())
    for image in wanted:
        if image not in held:
            raise NotInThisPool(f"This pool holds no image {image}.")
    return {image: held[image] for image in wanted}


def path_in_pool(image_id: SQLColumnExpression[int], *, pool_id: int | BindParameter[int]) -> SQLColumnExpression[str]:
    """The path that an image goes by in a pool, as a column: the first by name, present ones before missing ones."""
    present = case((ImagePath.missing_since.is_(None), ImagePath.path))
    # The least of them, not the first in order: nothing is sorted, which takes half the time.
    first = (
        select(func.coalesce(func.min(present), func.min(ImagePath.path), ""))
        .join(Folder, Folder.id == ImagePath.folder_id)
        .where(Folder.pool_id == pool_id, ImagePath.image_id == image_id)
    )
    return first.scalar_subquery()
