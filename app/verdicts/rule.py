"""What the verdicts on an image amount to. Pure: no database, no web."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from app.words import ACCEPT


class Given(NamedTuple):
    """A verdict that has not been undone."""

    id: int  # verdicts are numbered in the order they were given
    image_id: int
    class_id: int
    value: str


def in_force(verdicts: Iterable[Given], *, one_class_per_image: bool) -> dict[tuple[int, int], Given]:
    """Return the verdict in force for each (class id, image id): the latest wins.

    With one class per image, of several classes whose latest verdict accepts the image only the latest
    acceptance stands; rejections stand for each class by themselves.
    """
    latest = {(verdict.class_id, verdict.image_id): verdict for verdict in sorted(verdicts)}
    if not one_class_per_image:
        return latest
    label_of = {verdict.image_id: verdict for verdict in sorted(latest.values()) if verdict.value == ACCEPT}
    return {
        key: verdict
        for key, verdict in latest.items()
        if verdict.value != ACCEPT or label_of[verdict.image_id] == verdict
    }
