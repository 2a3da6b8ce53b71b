"""Which name and which colour each point has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.maps import colouring
from ml.maps.colouring import BadLabels, Colouring, by_class, by_group
from ml.maps.painting import painted
from ml.vectors import digest_array
from tests.ml.maps.conftest import Remembered

IDS = [f"{number:064x}" for number in range(20)]
STL10 = Path(colouring.__file__).parent / "groups" / "stl10.toml"


def test_folders_give_classes_to_images_by_their_bytes(tmp_path: Path) -> None:
    for number, path in enumerate(["cat/a.png", "cat/b.png", "car/c.png"]):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / path)
    assert sorted(by_class(tmp_path, Remembered()).names.values()) == ["car", "cat", "cat"]


def test_of_exported_verdicts_those_count_that_were_accepted_and_not_undone(tmp_path: Path) -> None:
    lines = [
        "image,path,class,verdict,who,undone",
        f"{IDS[0]},./a.jpg,cat,accept,ann,no",
        f"{IDS[1]},./b.jpg,cat,reject,ann,no",
        f"{IDS[2]},./c.jpg,cat,accept,ann,yes",
        f"{IDS[0]},./a.jpg,car,accept,bob,no",
    ]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    assert by_class(tmp_path / "labels.csv", Remembered()).names == {IDS[0]: "car"}


def test_a_csv_of_ones_own_needs_but_two_columns(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(f"\ufeffsha256,class\n{IDS[0]},cat\n{IDS[1]},\n")
    assert by_class(tmp_path / "own.csv", Remembered()).names == {IDS[0]: "cat"}
    (tmp_path / "own.csv").write_text("file,label\na.jpg,cat\n")
    with pytest.raises(BadLabels, match="must have the columns image and class"):
        by_class(tmp_path / "own.csv", Remembered())


def test_groups_put_classes_together() -> None:
    classes = Colouring("class", {IDS[0]: "cat", IDS[1]: "ship", IDS[2]: "teapot"})
    groups = by_group(classes, STL10)
    assert groups.names == {IDS[0]: "animals", IDS[1]: "vehicles", IDS[2]: "other"}
    assert groups.order == ("vehicles", "animals")


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("[groups", "is no TOML"),
        ('animals = ["cat"]', "needs one table"),
        ('[groups]\nanimals = "cat"', "needs one table"),
        ('[groups]\nanimals = ["cat"]\npets = ["cat"]', "puts the class cat into two groups, animals and pets"),
        ('[groups]\nanimals = ["kat"]', "names none of the classes that there are"),
    ],
)
def test_groups_that_cannot_be_meant_are_refused(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "groups.toml").write_text(content)
    with pytest.raises(BadLabels, match=sentence):
        by_group(Colouring("class", {IDS[0]: "cat"}), tmp_path / "groups.toml")


def test_a_legend_names_twelve_classes_and_counts_the_rest() -> None:
    names = {id: f"class {number:02}" for number, id in enumerate(IDS[:14])} | {IDS[14]: "class 03"}
    painting = painted(Colouring("class", names), digest_array(IDS), count=20)
    shown = [(entry.name, entry.count) for entry in painting.legend]
    assert shown[:4] == [("class 00", 1), ("class 01", 1), ("class 02", 1), ("class 03", 2)]
    assert shown[12:] == [("other", 2), ("unlabelled", 5)]
    assert len({entry.colour for entry in painting.legend}) == 14
    assert [painting.legend[line].name for line in painting.entries[12:16]] == [
        "other",
        "other",
        "class 03",
        "unlabelled",
    ]


def test_labels_of_other_images_are_refused() -> None:
    with pytest.raises(BadLabels, match="None of the 1 labelled images"):
        painted(Colouring("class", {IDS[0]: "cat"}), digest_array(IDS[1:]), count=19)


def test_vectors_without_ids_have_no_labels() -> None:
    with pytest.raises(BadLabels, match="--ids FILE names them"):
        painted(Colouring("class", {IDS[0]: "cat"}), None, count=20)


def test_without_labels_all_points_are_alike() -> None:
    painting = painted(None, None, count=20)
    assert [(entry.name, entry.count) for entry in painting.legend] == [("images", 20)]
    assert not np.any(painting.entries)
