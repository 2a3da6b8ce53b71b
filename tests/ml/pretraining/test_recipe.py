"""Recipes: read, changed, refused by a sentence, and the same after a journey through JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ml.pretraining.recipe import BadRecipe, Recipe, differences, read_recipe, recipe_of, resolved, shipped_recipes

OWN = """
[views]
side = 64
stored = 72
std = [1, 1, 1]

[training]
epochs = 3
batch = 8
drops = [2, 1]
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own.toml").write_text(OWN)
    return tmp_path / "own.toml"


def test_a_recipe_of_ones_own_is_named_by_its_file_and_filled_up(own: Path) -> None:
    recipe = read_recipe(own)
    assert (recipe.name, recipe.seed, recipe.views.side, recipe.views.flip) == ("own", 0, 64, 0.5)
    assert (recipe.views.std, recipe.training.drops) == ((1.0, 1.0, 1.0), (2, 1))


def test_changes_are_read_as_toml_or_else_as_words(own: Path) -> None:
    changes = ["training.epochs=10", "method.name = byol", 'network.stem="small"', "views.sigma=[0.5, 1]", "seed=7"]
    recipe = read_recipe(own, changes)
    assert (recipe.training.epochs, recipe.method.name, recipe.network.stem) == (10, "byol", "small")
    assert (recipe.views.sigma, recipe.seed) == ((0.5, 1.0), 7)


def test_a_later_change_wins(own: Path) -> None:
    assert read_recipe(own, ["training.epochs=10", "training.epochs=auto"]).training.epochs == "auto"


@pytest.mark.parametrize(
    "change, sentence",
    [
        ("training.epoch=3", "The recipe own cannot be used: there is no key training.epoch."),
        ("epochs=3", "there is no key epochs"),
        ("optimizer.name=adam", "there is no key optimizer"),
        ("training.batch=1", "training.batch is 1: it should be greater than or equal to 2"),
        ("training.batch=many", r"training.batch is 'many': it should be a valid integer or 'auto'\.$"),
        ("training.batch=2024-01-01", "training.batch is '2024-01-01'"),
        ("training.epochs=2.5", "training.epochs is 2.5: it should be a valid integer"),
        ("training.rate=0", "training.rate is 0: it should be greater than 0"),
        ("training.rate=nan", "training.rate is nan: it should be a finite number"),
        ("training.rate=fast", "training.rate is 'fast': it should be a valid number"),
        ("training.drops=[0]", "training.drops.0 is 0"),
        ("method.name=simsiam", "method.name is 'simsiam': it should be 'simclr', 'byol' or 'moco'"),
        ("views.area=[0.5, 0.2]", "views.area is .0.5, 0.2.: the first bound is above the second"),
        ("views.area=[0.5, 1.5]", "views.area.1 is 1.5: it should be less than or equal to 1"),
        ("views.mean=[0.5, 0.5]", "the key views.mean.2 is missing"),
        ("views.std=[0, 1, 1]", "each must be above 0"),
        ("views.hue=0.6", "views.hue is 0.6"),
        ("views.side=100", r"views.stored \(72\) is smaller than views.side \(100\)"),
        ("views=3", "views is 3"),
        ("views.side.pixels=3", "names a key within side, which is a value"),
        ("seed=true", "seed is True"),
        ("training.epochs", "changes nothing: write it as training.epochs=10"),
        ("=10", "changes nothing: write it as training.epochs=10"),
    ],
)
def test_a_value_of_no_use_is_refused_by_its_key(own: Path, change: str, sentence: str) -> None:
    with pytest.raises(BadRecipe, match=sentence):
        read_recipe(own, [change])


def test_every_wrong_key_is_named_at_once(own: Path) -> None:
    with pytest.raises(BadRecipe, match=r"there is no key training.momentun; views.flip is 2: .*\."):
        read_recipe(own, ["views.flip=2", "training.momentun=0.9"])


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"[training]\nepochs = 3", "the key views is missing"),
        (b"[views]\nside = 64", "the key views.stored is missing"),
        (b"[views", "is no TOML"),
        (b"\xff\xfe", "is no TOML"),
    ],
)
def test_a_file_of_no_use_is_refused(own: Path, content: bytes, sentence: str) -> None:
    own.write_bytes(content)
    with pytest.raises(BadRecipe, match=sentence):
        read_recipe(own)


def test_a_recipe_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match=r"no recipe stl-10. Shipped are cifar10-lightly, .*, winnow-96;"):
        read_recipe("stl-10")
    with pytest.raises(BadRecipe, match="cannot be read: No such file or directory"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_recipe_is_the_same_after_a_journey_through_json(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe_of(json.loads(json.dumps(recipe.as_dict()))) == recipe


def test_differences_name_the_keys_and_both_values(own: Path) -> None:
    recipe = read_recipe(own)
    other = read_recipe(own, ["views.side=32", "training.drops=[1]"])
    assert differences(recipe, recipe) == []
    assert differences(recipe, other) == ["views.side: 64 is now 32", "training.drops: (2, 1) is now (1,)"]


@pytest.mark.parametrize(
    "images, batch, epochs",
    # By hand: the power of two up to an eighth of the images, 16 to 512; 20,000,000 / images, 100 to 1,000.
    [(16, 16, 1000), (300, 32, 1000), (5_000, 512, 1000), (30_000, 512, 667), (1_000_000, 512, 100)],
)
def test_auto_follows_the_number_of_images(images: int, batch: int, epochs: int) -> None:
    training = resolved(read_recipe("folder"), images=images).training
    assert (training.batch, training.epochs) == (batch, epochs)


def test_numbers_stay_as_they_are_when_a_recipe_is_resolved(own: Path) -> None:
    recipe = read_recipe(own)
    assert resolved(recipe, images=8) == recipe


@pytest.mark.parametrize("changes", [["training.batch=512"], ["training.batch=auto"]])
def test_fewer_images_than_a_batch_are_refused(own: Path, changes: list[str]) -> None:
    with pytest.raises(BadRecipe, match=r"There are 15 images, fewer than a batch of \d+"):
        resolved(read_recipe(own, changes), images=15)


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_shipped_recipe_says_when_where_how_and_with_what_result(name: str) -> None:
    date, command, result, *_ = Path(f"ml/recipes/{name}.toml").read_text().splitlines()
    assert date.startswith("# 20")
    assert "; machine: " in date
    assert command.startswith(f"# python -m ml pretrain {name} --images ")
    assert result.startswith("# Result: ")


def test_the_articles_recipe_is_the_articles_job() -> None:
    recipe = read_recipe("stl10-article")
    training, network = recipe.training, recipe.network
    assert (network.architecture, network.stem, recipe.views.side) == ("resnet18", "stock", 96)
    assert (training.batch, training.epochs, recipe.method.name) == (512, 800, "simclr")
    assert recipe.checkpoints.milestones == (30, 131, 314, 677)


def test_lightlys_recipes_differ_in_the_size_of_their_pictures_alone() -> None:
    at_128, at_96 = read_recipe("imagenette-lightly"), read_recipe("imagenette-96")
    smaller = replace(at_128.views, side=96, stored=96)
    assert isinstance(at_96, Recipe)
    assert replace(at_128, name="imagenette-96", views=smaller) == at_96
