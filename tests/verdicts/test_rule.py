from __future__ import annotations

import pytest

from app.verdicts.rule import Given, InForce, PoolRule, in_force, own_verdicts
from app.words import Rule

CAT, DOG = 1, 2
ANN, BEN, CAI, DEE = 1, 2, 3, 4
LATEST = PoolRule("latest", None, one_class_per_image=True)
FIRST = PoolRule("first", None, one_class_per_image=True)
LEAD = PoolRule("lead", None, one_class_per_image=True)


def majority(of: int) -> PoolRule:
    return PoolRule("majority", of, one_class_per_image=True)


def said(*words: str) -> list[Given]:
    """Verdicts on image 7 in the order given, such as "ann accept cat", or "ben settles reject dog"."""
    people = {"ann": ANN, "ben": BEN, "cai": CAI, "dee": DEE}
    classes = {"cat": CAT, "dog": DOG}
    given = []
    for number, sentence in enumerate(words, 1):
        person, *settles, value, class_name = sentence.split()
        given.append(Given(number, 7, classes[class_name], value, people[person], bool(settles)))
    return given


def values(verdicts: list[Given], pool: PoolRule) -> dict[int, str]:
    """The values of image 7 by class; a disputed one ends with an exclamation mark."""
    return {key[0]: label.value + "!" * label.disputed for key, label in in_force(verdicts, pool).items()}


def of_cat(pool: PoolRule, *words: str) -> str | None:
    return values(said(*words), pool).get(CAT)


@pytest.mark.parametrize("pool", [LATEST, FIRST, LEAD, majority(1)])
def test_one_person_has_what_they_said_last(pool: PoolRule) -> None:
    assert of_cat(pool, "ann accept cat", "ann reject cat") == "reject"
    assert of_cat(pool, "ann reject cat", "ann unsure cat") == "unsure"


def test_the_latest_verdict_of_anybody_wins() -> None:
    assert of_cat(LATEST, "ann accept cat", "ben reject cat") == "reject!"
    assert of_cat(LATEST, "ann accept cat", "ben reject cat", "ann accept cat") == "accept!"


def test_verdicts_are_ordered_by_their_number_not_by_how_they_come() -> None:
    assert values(said("ann accept cat", "ann reject cat")[::-1], LATEST) == {CAT: "reject"}


def test_the_first_person_wins_with_what_they_said_last() -> None:
    assert of_cat(FIRST, "ann accept cat", "ben reject cat") == "accept!"
    assert of_cat(FIRST, "ann accept cat", "ben reject cat", "ann reject cat") == "reject"


@pytest.mark.parametrize(
    ("of", "words", "label"),
    [
        (3, "accept", "open"),
        (3, "accept accept", "accept"),  # more than half of three agree
        (3, "accept reject", "open!"),
        (3, "accept reject accept", "accept!"),
        (3, "accept reject unsure", "open!"),  # a tie of all three
        (3, "accept unsure", "open"),
        (3, "unsure unsure", "unsure"),
        (2, "accept", "open"),
        (2, "accept reject", "open!"),
        (2, "accept unsure", "open!"),  # nobody else is going to look
        (2, "accept unsure accept", "accept"),
        (4, "accept accept", "open"),
        (4, "accept accept accept", "accept"),
        (4, "accept accept reject unsure", "accept!"),
        (3, "accept accept reject reject", "open!"),
    ],
)
def test_the_majority_decides_once_it_is_one(of: int, words: str, label: str) -> None:
    people = ("ann", "ben", "cai", "dee")
    verdicts = [f"{person} {value} cat" for person, value in zip(people, words.split(), strict=False)]
    assert of_cat(majority(of), *verdicts) == label


def test_a_person_has_one_vote() -> None:
    assert of_cat(majority(3), "ann accept cat", "ann accept cat", "ann accept cat") == "open"


def test_what_a_lead_decides_waits_only_where_people_differ() -> None:
    assert of_cat(LEAD, "ann accept cat", "ben accept cat") == "accept"
    assert of_cat(LEAD, "ann accept cat", "ben reject cat") == "open!"
    assert of_cat(LEAD, "ann accept cat", "ben unsure cat") == "accept"
    assert of_cat(LEAD, "ann accept cat", "ben reject cat", "ben accept cat") == "accept"


def test_somebody_unsure_disputes_nothing() -> None:
    for pool in (LATEST, FIRST, LEAD):
        assert not (of_cat(pool, "ann accept cat", "ben unsure cat") or "").endswith("!")


@pytest.mark.parametrize("pool", [LATEST, FIRST, LEAD, majority(3)])
def test_a_settlement_is_final_under_every_rule(pool: PoolRule) -> None:
    dispute = ("ann accept cat", "ben reject cat")
    assert of_cat(pool, *dispute, "cai settles reject cat") == "reject"
    assert of_cat(pool, *dispute, "cai settles reject cat", "dee settles accept cat") == "accept"


@pytest.mark.parametrize("pool", [LATEST, FIRST, LEAD, majority(3)])
def test_who_contradicts_a_settlement_later_reopens_the_dispute_and_wins_nothing(pool: PoolRule) -> None:
    settled = ("ann accept cat", "ben reject cat", "cai settles reject cat")
    assert of_cat(pool, *settled, "dee accept cat") == "reject!"
    assert of_cat(pool, *settled, "dee reject cat") == "reject"
    assert of_cat(pool, *settled, "dee unsure cat") == "reject"
    assert of_cat(pool, *settled, "dee accept cat", "cai settles accept cat") == "accept"


@pytest.mark.parametrize("pool", [LATEST, FIRST, LEAD])
def test_with_one_class_per_image_a_person_who_accepts_another_class_has_changed_their_mind(pool: PoolRule) -> None:
    verdicts = said("ann accept cat", "ann accept dog")
    assert values(verdicts, pool) == {DOG: "accept"}
    assert values([*verdicts, Given(3, 7, DOG, "reject", ANN)], pool) == {CAT: "accept", DOG: "reject"}


@pytest.mark.parametrize(
    ("pool", "labels"),
    [
        (LATEST, {DOG: "accept!"}),
        (FIRST, {CAT: "accept!"}),
        (LEAD, {CAT: "open!", DOG: "open!"}),
        (majority(1), {CAT: "open!", DOG: "open!"}),
        (majority(3), {CAT: "open!", DOG: "open!"}),
    ],
)
def test_with_one_class_per_image_two_people_who_accept_two_classes_are_in_dispute(
    pool: PoolRule, labels: dict[int, str]
) -> None:
    assert values(said("ann accept cat", "ben accept dog"), pool) == labels


def test_of_two_classes_most_people_accept_one() -> None:
    verdicts = said("ann accept cat", "ben accept cat", "cai accept dog")
    assert values(verdicts, majority(1)) == {CAT: "accept!"}
    assert values(verdicts, majority(3)) == {CAT: "accept!", DOG: "open!"}


@pytest.mark.parametrize("pool", [LATEST, FIRST, LEAD, majority(3)])
def test_a_settlement_for_one_class_ends_the_dispute_with_another(pool: PoolRule) -> None:
    dispute = ("ann accept cat", "ben accept dog")
    assert values(said(*dispute, "cai settles accept cat"), pool) == {CAT: "accept"}
    assert values(said(*dispute, "cai settles accept cat", "dee accept dog"), pool)[CAT] == "accept!"
    assert values(said(*dispute, "cai settles accept cat", "dee settles accept dog"), pool) == {DOG: "accept"}


@pytest.mark.parametrize("pool", [LATEST, FIRST, LEAD])
def test_a_class_that_is_settled_away_leaves_the_image_to_the_other_one(pool: PoolRule) -> None:
    verdicts = said("ann accept cat", "ben accept dog", "cai settles reject dog")
    assert values(verdicts, pool) == {CAT: "accept", DOG: "reject"}


def test_with_several_classes_per_image_both_acceptances_stand() -> None:
    rules: list[Rule] = ["latest", "first", "lead"]
    for rule in rules:
        pool = PoolRule(rule, None, one_class_per_image=False)
        assert values(said("ann accept cat", "ben accept dog"), pool) == {CAT: "accept", DOG: "accept"}


def test_rejections_stand_beside_the_label_of_another_class() -> None:
    assert values(said("ann reject cat", "ben accept dog"), LATEST) == {CAT: "reject", DOG: "accept"}


def test_images_do_not_touch_each_other() -> None:
    verdicts = [Given(1, 7, CAT, "accept", ANN), Given(2, 8, DOG, "accept", BEN)]
    assert in_force(verdicts, LEAD) == {
        (CAT, 7): InForce(verdicts[0], "accept", disputed=False),
        (DOG, 8): InForce(verdicts[1], "accept", disputed=False),
    }


def test_a_label_rests_on_a_verdict_that_says_so() -> None:
    verdicts = said("ann accept cat", "ben reject cat", "cai accept cat", "dee unsure cat")
    assert in_force(verdicts, majority(3))[CAT, 7].verdict == verdicts[2]


def test_the_own_verdicts_are_the_last_of_each_person_and_the_settlements() -> None:
    verdicts = said("ann accept cat", "ben settles reject cat", "ann reject cat", "ben accept cat")
    assert own_verdicts(verdicts[::-1]) == verdicts[1:]
