from app.verdicts.rule import Given, in_force

CAT, DOG = 1, 2


def values(*verdicts: Given, one: bool) -> dict[tuple[int, int], str]:
    return {key: given.value for key, given in in_force(verdicts, one_class_per_image=one).items()}


def test_the_latest_verdict_on_an_image_and_class_wins() -> None:
    assert values(Given(1, 7, CAT, "accept"), Given(2, 7, CAT, "reject"), one=True) == {(CAT, 7): "reject"}


def test_verdicts_are_ordered_by_their_number_not_by_how_they_come() -> None:
    assert values(Given(2, 7, CAT, "reject"), Given(1, 7, CAT, "accept"), one=True) == {(CAT, 7): "reject"}


def test_with_one_class_per_image_a_later_acceptance_displaces_the_earlier_one() -> None:
    assert values(Given(1, 7, CAT, "accept"), Given(2, 7, DOG, "accept"), one=True) == {(DOG, 7): "accept"}


def test_with_several_classes_per_image_both_acceptances_stand() -> None:
    both = {(CAT, 7): "accept", (DOG, 7): "accept"}
    assert values(Given(1, 7, CAT, "accept"), Given(2, 7, DOG, "accept"), one=False) == both


def test_rejections_stand_beside_the_label_of_another_class() -> None:
    expected = {(CAT, 7): "reject", (DOG, 7): "accept"}
    assert values(Given(1, 7, CAT, "reject"), Given(2, 7, DOG, "accept"), one=True) == expected


def test_a_displaced_acceptance_is_back_when_the_displacing_one_is_taken_back_by_a_rejection() -> None:
    verdicts = [Given(1, 7, CAT, "accept"), Given(2, 7, DOG, "accept"), Given(3, 7, DOG, "reject")]
    assert values(*verdicts, one=True) == {(CAT, 7): "accept", (DOG, 7): "reject"}


def test_images_do_not_touch_each_other() -> None:
    expected = {(CAT, 7): "accept", (DOG, 8): "accept"}
    assert values(Given(1, 7, CAT, "accept"), Given(2, 8, DOG, "accept"), one=True) == expected
