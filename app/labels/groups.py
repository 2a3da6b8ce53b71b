"""Which images of a pool belong together, so that an export can be split without near-identical ones on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from app.errors import Conflict
from app.registry.queries import served_version

if TYPE_CHECKING:
    # It brings FAISS along, for which no command's help should wait.
    from app.search.served_index import IndexShelf


def stack_groups(session: Session, shelf: IndexShelf, *, pool_id: int) -> dict[str, str] | None:
    """Return {an image's SHA-256: that of the first of its stack}, of the images that are in a stack and no others.

    The stacks are those of the served index version. None if the pool has none, or it cannot be opened: labels
    can be had without it.
    """
    served = served_version(session, pool_id=pool_id)
    if served is None:
        return None
    try:
        index = shelf.open(served.artifact)
    except Conflict:  # IndexUnusable
        return None
    # Each name once: of a pool of bursts and re-encodings they are as many as the images.
    names = {row: index.digests[row].tobytes().hex() for row in index.stacked.tolist()}
    return {
        name: names[leader] for name, leader in zip(names.values(), index.stacks[index.stacked].tolist(), strict=True)
    }
