"""What a commit decides. Pure: no database, no web."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from app.errors import Invalid
from app.words import ACCEPT, REJECT, UNSURE


class NotOnThisPage(Invalid):
    """The commit names images that were never on this page."""


class RejectedAndUnsure(Invalid):
    """An image cannot be rejected and unsure at once."""


def verdicts(shown: Iterable[str], *, rejected: Collection[str], unsure: Collection[str]) -> dict[str, str]:
    """Return a verdict for every image shown: everything is accepted unless struck out or doubted.

    Raises NotOnThisPage for ids that were not shown, RejectedAndUnsure for ids named in both lists.
    """
    given = dict.fromkeys(shown, ACCEPT)
    strangers = [image for image in (*rejected, *unsure) if image not in given]
    if strangers:
        raise NotOnThisPage(f"{_these(strangers)} never on this page; reload it and try again.")
    both = sorted(set(rejected) & set(unsure))
    if both:
        raise RejectedAndUnsure(f"An image cannot be rejected and unsure at once: {both[0]}.")
    return given | dict.fromkeys(rejected, REJECT) | dict.fromkeys(unsure, UNSURE)


def body_digest(*, rejected: Collection[str], unsure: Collection[str]) -> str:
    """Tell commits apart by what they decide; the order of ids and the time taken do not matter."""
    decided = f"rejected={','.join(sorted(set(rejected)))};unsure={','.join(sorted(set(unsure)))}"
    return hashlib.sha256(decided.encode()).hexdigest()


def purity(accepted: int, rejected: int) -> float | None:
    """The share of accepted among decided images; None where nothing was decided."""
    decided = accepted + rejected
    return accepted / decided if decided else None


def _these(strangers: list[str]) -> str:
    if len(strangers) == 1:
        return f"Image {strangers[0]} was"
    return f"{len(strangers)} of these images (the first is {strangers[0]}) were"
