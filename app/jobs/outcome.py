"""What a comparison of two index versions amounts to, in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def sentence(found: Mapping[str, Any]) -> str:
    """Return what a comparison says first: of the replay, else of the neighbours, else that it cannot tell."""
    replay = found["replay"]
    names = {side: f"version {found[side]['id']} ({found[side]['encoder']})" for side in ("first", "second")}
    if replay is not None and replay["change"] is not None:
        return _of_replay(replay, names)
    if found["measures"]:
        return _of_neighbours(found["measures"][0], names)
    return "Nobody has labelled enough yet to tell which of the two is better; their neighbours can be compared."


def better(found: Mapping[str, Any]) -> int | None:
    """Return the id of the version that is better beyond chance: by the replay, else by the neighbours; else None."""
    replay = found["replay"]
    if replay is not None and replay["low"] is not None:
        better_side = _side(-replay["high"], -replay["low"])
    elif found["measures"]:
        better_side = _side(found["measures"][0]["low"], found["measures"][0]["high"])
    else:
        better_side = None
    return None if better_side is None else int(found[better_side]["id"])


def _side(low: float, high: float) -> str | None:
    """Return which side an interval of the second's advantage is on; None where it holds zero."""
    return "second" if low > 0 else "first" if high < 0 else None


def _of_replay(replay: Mapping[str, Any], names: Mapping[str, str]) -> str:
    count, change = replay["reviews"], replay["change"]
    which = "past review" if count == 1 else f"{count:,} past reviews"
    counts = f"{replay['second']:,} instead of {replay['first']:,}"
    if replay["low"] is not None and replay["low"] <= 0 <= replay["high"]:
        sure = f"between {_less(replay['low'])} and {_less(replay['high'])}"
        return f"The {which} would have met about as many rejects with {names['second']}: {counts} ({sure})."
    sure = "" if replay["low"] is None else f" (between {_less(replay['low'])} and {_less(replay['high'])})"
    return (
        f"The {which} would have needed {_less(change)} rejects with {names['second']} than with {names['first']}: "
        f"{counts}{sure}."
    )


def _of_neighbours(measure: Mapping[str, Any], names: Mapping[str, str]) -> str:
    shares = f"{measure['second']:.1%} of the labelled images with {names['second']}, {measure['first']:.1%} with"
    beyond = "" if _side(measure["low"], measure["high"]) else ", which may be chance"
    return f"The 20 nearest neighbours name the right class for {shares} {names['first']}{beyond}."


def _less(change: float) -> str:
    return f"{abs(change):,.0%} {'fewer' if change < 0 else 'more'}".replace("%", " %")
