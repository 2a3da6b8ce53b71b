import pytest

from app.review.decisions import Decided, Marked, NotOnThisPage, RejectedAndUnsure, purity, verdicts


def page(*tiles: str) -> dict[str, list[str]]:
    return {tile: [] for tile in tiles}


def test_everything_shown_is_accepted_unless_struck_out_or_doubted() -> None:
    decided = verdicts(page("a", "b", "c"), Marked(rejected=["b"], unsure=["c"]))
    assert {image: value for image, (value, _) in decided.items()} == {"a": "accept", "b": "reject", "c": "unsure"}


def test_what_lies_beneath_a_tile_follows_it_and_says_so() -> None:
    decided = verdicts({"a": ["a1", "a2"], "b": []}, Marked(rejected=["a"]))
    assert decided["a"] == Decided("reject", "seen")
    assert decided["a1"] == decided["a2"] == Decided("reject", "stack")
    assert decided["b"] == Decided("accept", "seen")


def test_in_an_opened_stack_each_image_is_judged_by_itself() -> None:
    decided = verdicts({"a": ["a1", "a2"]}, Marked(rejected=["a1"], opened=["a"]))
    assert decided == {"a": Decided("accept"), "a1": Decided("reject"), "a2": Decided("accept")}


def test_an_image_that_was_never_on_the_page_is_refused_by_name() -> None:
    for marked in (Marked(rejected=["x"]), Marked(opened=["x"])):
        with pytest.raises(NotOnThisPage, match="Image x was never on this page"):
            verdicts(page("a"), marked)


def test_several_strangers_are_counted() -> None:
    with pytest.raises(NotOnThisPage, match="2 of these images"):
        verdicts(page("a"), Marked(rejected=["x"], unsure=["y"]))


def test_an_image_cannot_be_rejected_and_unsure_at_once() -> None:
    with pytest.raises(RejectedAndUnsure):
        verdicts(page("a"), Marked(rejected=["a"], unsure=["a"]))


def test_order_and_repetition_do_not_make_another_commit() -> None:
    assert Marked(rejected=["b", "a", "a"]).digest == Marked(rejected=["a", "b"]).digest


def test_what_is_rejected_unsure_and_opened_is_told_apart() -> None:
    digests = {Marked().digest, Marked(["a"]).digest, Marked([], ["a"]).digest, Marked([], [], ["a"]).digest}
    assert len(digests) == 4


def test_purity_leaves_out_what_is_unsure() -> None:
    assert purity(accepted=3, rejected=1) == 0.75
    assert purity(accepted=0, rejected=0) is None
