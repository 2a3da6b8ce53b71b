"""Agreement against published figures, another library, and sums done by hand."""

from __future__ import annotations

import random
import warnings

import pytest
from sklearn.metrics import cohen_kappa_score

from app.verdicts.agreement import Agreement, Answer, agreement, cohens_kappa, fleiss_kappa

# Fleiss (1971), table 1: 30 patients, 6 psychiatrists each, five diagnoses.
FLEISS_1971 = """
0 0 0 6 0|0 3 0 0 3|0 1 4 0 1|0 0 0 0 6|0 3 0 3 0|2 0 4 0 0|0 0 4 0 2|2 0 3 1 0|2 0 0 4 0|0 0 0 0 6
1 0 0 5 0|1 1 0 4 0|0 3 3 0 0|1 0 0 5 0|0 2 0 3 1|0 0 5 0 1|3 0 0 1 2|5 1 0 0 0|0 2 0 4 0|1 0 2 0 3
0 0 0 0 6|0 1 0 5 0|0 2 0 1 3|2 0 0 4 0|1 0 0 4 1|0 5 0 1 0|4 0 0 0 2|0 2 0 4 0|1 0 5 0 0|0 0 0 0 6
"""
# The worked example of many textbooks: 10 subjects, 14 raters, five grades; kappa 0.210.
TEN_SUBJECTS = """
0 0 0 0 14|0 2 6 4 2|0 0 3 5 6|0 3 9 2 0|2 2 8 1 1|7 7 0 0 0|3 2 6 3 0|2 5 3 2 2|6 5 2 1 0|0 2 2 3 7
"""


def tables(text: str) -> list[dict[str, int]]:
    subjects = text.strip().replace("\n", "|").split("|")
    return [{str(grade): int(count) for grade, count in enumerate(subject.split())} for subject in subjects]


def test_fleiss_kappa_is_that_of_fleiss() -> None:
    assert fleiss_kappa(tables(FLEISS_1971)) == pytest.approx(0.430, abs=0.0005)


def test_fleiss_kappa_is_that_of_the_textbooks() -> None:
    assert fleiss_kappa(tables(TEN_SUBJECTS)) == pytest.approx(0.210, abs=0.0005)


def test_fleiss_kappa_of_unequal_numbers_by_hand() -> None:
    # Agreement: 1, 1/3 and 0, in the mean 4/9. Shares: a (1 + 2/3 + 1/2) / 3 = 13/18, b 5/18; chance 194/324.
    wanted = (4 / 9 - 194 / 324) / (1 - 194 / 324)
    assert fleiss_kappa([{"a": 2}, {"a": 2, "b": 1}, {"a": 1, "b": 1}]) == pytest.approx(wanted)


def test_cohens_kappa_by_hand() -> None:
    # 20 twice yes, 15 twice no, 5 and 10 between: 0.7 observed, 0.5 by chance.
    answers = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
    assert cohens_kappa(answers) == pytest.approx(0.4)


@pytest.mark.parametrize("seed", range(5))
def test_cohens_kappa_is_that_of_another_library(seed: int) -> None:
    chance = random.Random(seed)
    one = chance.choices(["accept", "reject", "unsure"], [6, 3, 1], k=200)
    other = [value if chance.random() < 0.7 else chance.choice(["accept", "reject", "unsure"]) for value in one]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = cohen_kappa_score(one, other)
    assert cohens_kappa(list(zip(one, other, strict=True))) == pytest.approx(wanted)


def test_where_all_say_the_same_there_is_no_kappa() -> None:
    all_alike = [Answer(image, person, "accept") for image in range(7) for person in range(3)]
    found = agreement(all_alike)
    assert (found.images, found.raw, found.fleiss) == (7, 1.0, None)
    assert [(pair.raw, pair.kappa) for pair in found.pairs] == [(1.0, None)] * 3


def test_perfect_agreement_on_two_answers_is_one() -> None:
    values = {1: "accept", 2: "reject"}
    found = agreement([Answer(image, person, value) for image, value in values.items() for person in (1, 2, 3)])
    assert (found.raw, found.fleiss) == (1.0, pytest.approx(1.0))


def test_what_one_person_alone_judged_counts_for_nothing() -> None:
    alone = [Answer(image, image % 2, "accept") for image in range(5)]
    assert agreement(alone) == Agreement(0, None, None, [])


def test_pairs_are_told_those_with_the_most_images_first() -> None:
    answers = [Answer(image, person, "accept") for image in range(3) for person in (8, 9)]
    answers += [Answer(0, 7, "reject")]
    found = agreement(answers)
    assert [(pair.people, pair.images) for pair in found.pairs] == [((8, 9), 3), ((7, 8), 1), ((7, 9), 1)]
    # Of the first image one pair of three agrees, of the others all do.
    assert found.raw == pytest.approx((1 / 3 + 1 + 1) / 3)
