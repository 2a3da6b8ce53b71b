"""The proof of the load bench finds what it is there to find."""

from __future__ import annotations

from bench.load.annotators import Notes, Shown
from bench.load.proof import differing_labels, lost_and_doubled, shown_twice

HEADER = "image,class,verdict\n"


def page(*images: str, of: str = "owl", at: float, stored_at: float, accepted: frozenset[str] = frozenset()) -> Notes:
    return Notes(shown=[Shown(list(images), of, at, stored_at, accepted)])


def test_an_image_that_is_shown_again_for_its_class_is_found() -> None:
    first = page("a", "b", at=0, stored_at=1)
    assert shown_twice([first, page("c", at=2, stored_at=3)]) == 0
    assert shown_twice([first, page("b", at=2, stored_at=3)]) == 1


def test_for_another_class_an_image_may_be_shown_once_it_is_rejected() -> None:
    first = page("a", "b", at=0, stored_at=2, accepted=frozenset("a"))
    assert shown_twice([first, page("b", of="lark", at=3, stored_at=4)]) == 0
    assert shown_twice([first, page("b", of="lark", at=1, stored_at=4)]) == 1
    assert shown_twice([first, page("a", of="lark", at=3, stored_at=4)]) == 1


def test_lost_and_doubled_verdicts_are_counted() -> None:
    notes = [Notes(verdicts={("a", "owl"): "accept", ("b", "owl"): "reject"})]
    assert lost_and_doubled(notes, HEADER + "a,owl,accept\nb,owl,reject\n") == (0, 0)
    assert lost_and_doubled(notes, HEADER + "a,owl,accept\na,owl,accept\n") == (1, 1)


def test_labels_that_nobody_believes_in_and_labels_that_are_missing_are_counted() -> None:
    notes = [Notes(verdicts={("a", "owl"): "accept", ("b", "owl"): "reject"})]
    assert differing_labels(notes, HEADER + "a,owl,accept\n") == 0
    assert differing_labels(notes, HEADER + "b,owl,accept\n") == 2
