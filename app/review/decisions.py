"""What a commit decides. Pure: no database, no web."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.errors import Invalid
from app.words import ACCEPT, REJECT, SEEN, STACK, UNSURE, Basis, VerdictValue


class NotOnThisPage(Invalid):
    """The commit names images that were never on this page."""


class RejectedAndUnsure(Invalid):
    """An image cannot be rejected and unsure at once."""


class StackNotOpened(Invalid):
    """An image beneath a tile is marked by itself, but its stack was not opened."""


@dataclass(frozen=True)
class Marked:
    """What a person marked on a page: images of the page, by their ids."""

    rejected: Collection[str] = ()
    unsure: Collection[str] = ()
    opened: Collection[str] = ()  # tiles of stacks that were opened: each image beneath was judged by itself

    @property
    def digest(self) -> str:
        """Tell commits apart by what they decide; the order of ids and the time taken do not matter."""
        decided = f"rejected={_ids(self.rejected)};unsure={_ids(self.unsure)}"
        if self.opened:
            decided += f";opened={_ids(self.opened)}"
        return hashlib.sha256(decided.encode()).hexdigest()


class Decided(NamedTuple):
    """A verdict and what it rests on."""

    value: VerdictValue
    basis: Basis = SEEN


def verdicts(shown: Mapping[str, Sequence[str]], marked: Marked) -> dict[str, Decided]:
    """Return a verdict for every image shown: everything is accepted unless struck out or doubted.

    `shown` holds the tiles, and for each the images beneath it. Those follow their tile, unless the stack was opened.
    Raises NotOnThisPage for ids that were not shown, RejectedAndUnsure for ids named in both lists,
    StackNotOpened for one beneath a tile that is marked otherwise.
    """
    everything = {*shown, *(image for beneath in shown.values() for image in beneath)}
    strangers = [image for image in (*marked.rejected, *marked.unsure, *marked.opened) if image not in everything]
    if strangers:
        raise NotOnThisPage(f"{_these(strangers)} never on this page; reload it and try again.")
    both = sorted(set(marked.rejected) & set(marked.unsure))
    if both:
        raise RejectedAndUnsure(f"An image cannot be rejected and unsure at once: {both[0]}.")
    own: dict[str, VerdictValue] = (
        dict.fromkeys(everything, ACCEPT)
        | dict.fromkeys(marked.rejected, REJECT)
        | dict.fromkeys(marked.unsure, UNSURE)
    )
    opened = set(marked.opened)
    given: dict[str, Decided] = {}
    for tile, beneath in shown.items():
        given[tile] = Decided(own[tile])
        for image in beneath:
            if tile not in opened and own[image] not in {ACCEPT, own[tile]}:
                raise StackNotOpened(
                    f"Image {image} lies beneath {tile}: name that one as opened to judge it by itself."
                )
            given[image] = Decided(own[image]) if tile in opened else Decided(own[tile], STACK)
    return given


def purity(accepted: int, rejected: int) -> float | None:
    """The share of accepted among decided images; None where nothing was decided."""
    decided = accepted + rejected
    return accepted / decided if decided else None


def _ids(images: Collection[str]) -> str:
    return ",".join(sorted(set(images)))


def _these(strangers: list[str]) -> str:
    if len(strangers) == 1:
        return f"Image {strangers[0]} was"
    return f"{len(strangers)} of these images (the first is {strangers[0]}) were"
