import pytest

from app.review.decisions import NotOnThisPage, RejectedAndUnsure, body_digest, purity, verdicts


def test_everything_shown_is_accepted_unless_struck_out_or_doubted() -> None:
    decided = verdicts(["a", "b", "c"], rejected=["b"], unsure=["c"])
    assert decided == {"a": "accept", "b": "reject", "c": "unsure"}


def test_an_image_that_was_never_on_the_page_is_refused_by_name() -> None:
    with pytest.raises(NotOnThisPage, match="Image x was never on this page"):
        verdicts(["a"], rejected=["x"], unsure=[])


def test_several_strangers_are_counted() -> None:
    with pytest.raises(NotOnThisPage, match="2 of these images"):
        verdicts(["a"], rejected=["x"], unsure=["y"])


def test_an_image_cannot_be_rejected_and_unsure_at_once() -> None:
    with pytest.raises(RejectedAndUnsure):
        verdicts(["a"], rejected=["a"], unsure=["a"])


def test_order_and_repetition_do_not_make_another_commit() -> None:
    assert body_digest(rejected=["b", "a", "a"], unsure=[]) == body_digest(rejected=["a", "b"], unsure=[])


def test_rejected_and_unsure_are_told_apart() -> None:
    assert body_digest(rejected=["a"], unsure=[]) != body_digest(rejected=[], unsure=["a"])


def test_purity_leaves_out_what_is_unsure() -> None:
    assert purity(accepted=3, rejected=1) == 0.75
    assert purity(accepted=0, rejected=0) is None
