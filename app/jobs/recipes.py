"""What a pretraining may be asked to do: everything is checked before it is queued, and each fault names its field."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import AppError, Conflict, Invalid
from app.jobs.runs import NAME_FORM, free_name, is_taken, job_of_run
from app.registry.encoders import find_encoder
from app.settings import Settings
from app.tables import PoolImage
from ml.pretraining.recipe import SHIPPED, BadRecipe, Recipe, read_recipe, resolved, shipped_recipes

USUAL_RECIPE = "folder"

_TRAINERS = ("torch", "torchvision", "lightly", "pytorch_lightning")


class TrainersMissing(Conflict):
    """Pretraining needs torch, which is not installed beside Winnow: pip install "winnow[ml]", and start it again."""


class UnfitPretraining(Invalid):
    """This cannot be pretrained so."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence, errors=[{"field": field, "message": sentence}])


class RunExists(Conflict):
    """There is a run of this name already."""

    def __init__(self, name: str, job: int | None) -> None:
        made = "" if job is None else f": job {job}, which can be resumed"
        sentence = f"There is a run “{name}” already{made}. Choose another name for a new one."
        super().__init__(sentence, errors=[{"field": "name", "message": sentence}], job=job)


@dataclass(frozen=True)
class Wanted:
    """What somebody asks for."""

    recipe: str
    changes: Sequence[str] = ()  # "training.epochs=10"
    init: str | None = None  # the encoder that it starts from; from nothing if absent
    name: str | None = None  # of the run; one that is free if absent


@dataclass(frozen=True)
class RecipeChoice:
    """A recipe as it is offered."""

    name: str
    sentence: str  # what it is for, in the words of its file; may be empty
    network: str
    side: int  # pixels of a view
    epochs: int | str  # or "auto"
    batch: int | str


def recipe_choices() -> list[RecipeChoice]:
    """Return the recipes that come along, the one for all kinds of pictures first."""
    names = sorted(shipped_recipes(), key=lambda name: (name != USUAL_RECIPE, name))
    return [_choice(name, read_recipe(name)) for name in names]


def require_trainers() -> None:
    """Raise TrainersMissing unless this Python can pretrain. Loads nothing."""
    if any(importlib.util.find_spec(module) is None for module in _TRAINERS):
        raise TrainersMissing


def image_count(session: Session, *, pool_id: int) -> int:
    """Count the images that a run on this pool would see."""
    return session.scalars(select(func.count()).where(PoolImage.pool_id == pool_id)).one()


def job_arguments(session: Session, settings: Settings, *, pool_id: int, pool: str, wanted: Wanted) -> dict[str, Any]:
    """Return the arguments of the job that does what is wanted, with every `auto` made a number.

    Raises UnfitPretraining and RunExists, which name the field at fault.
    """
    images = image_count(session, pool_id=pool_id)
    recipe = _resolved(_recipe(wanted), images)
    training = recipe.training
    if wanted.init is not None:
        _check_init(settings, wanted.init, recipe)
    name = wanted.name or free_name(session, settings, pool=pool)
    if not re.fullmatch(NAME_FORM, name):
        raise UnfitPretraining(
            "name", "A run's name is made of letters, digits, dots, dashes and underscores, at most 80 of them."
        )
    if is_taken(session, settings, name=name):
        raise RunExists(name, job_of_run(session, name=name))
    # Written out, so that the run stays the same when a picture turns out to be unreadable.
    numbers = [f"training.epochs={training.epochs}", f"training.batch={training.batch}"]
    own = [change for change in wanted.changes if _key(change) not in {"training.epochs", "training.batch"}]
    return {
        "name": name,
        "recipe": wanted.recipe,
        "changes": [*own, *numbers],
        "init": wanted.init,
        "images": images,
        "epochs": training.epochs,
    }


def _recipe(wanted: Wanted) -> Recipe:
    # Shipped ones alone: read_recipe would also read any file that is named.
    if wanted.recipe not in shipped_recipes():
        raise UnfitPretraining(
            "recipe", f"There is no recipe “{wanted.recipe}”. Shipped are {', '.join(shipped_recipes())}."
        )
    for change in wanted.changes:
        _read(wanted.recipe, [change], field=_key(change))
    return _read(wanted.recipe, wanted.changes, field="changes")


def _read(name: str, changes: Sequence[str], *, field: str) -> Recipe:
    try:
        return read_recipe(name, changes)
    except BadRecipe as error:
        raise UnfitPretraining(field, str(error)) from error


def _resolved(recipe: Recipe, images: int) -> Recipe:
    try:
        return resolved(recipe, images=images)
    except BadRecipe as error:
        # `auto` asks for sixteen at least.
        batch = recipe.training.batch if isinstance(recipe.training.batch, int) else 16
        sentence = f"The pool has {images:,} images, fewer than a batch of {batch:,}: lower it, or import more."
        raise UnfitPretraining("training.batch", sentence) from error


def _check_init(settings: Settings, name: str, recipe: Recipe) -> None:
    try:
        _, encoder = find_encoder(settings, name)
    except AppError as error:
        raise UnfitPretraining("init", error.sentence) from error
    # An encoder that was made of a checkpoint says more of its network than one that was made of bare weights.
    stem = encoder.recipe.get("network", {}).get("stem", recipe.network.stem)
    if (encoder.architecture, stem) != (recipe.network.architecture, recipe.network.stem):
        raise UnfitPretraining(
            "init",
            f"The encoder “{name}” is a {encoder.architecture} with the stem {stem}, and the recipe trains a "
            f"{recipe.network.architecture} with the stem {recipe.network.stem}: choose another one, or start from "
            "nothing.",
        )


def _key(change: str) -> str:
    return change.partition("=")[0].strip()


def _choice(name: str, recipe: Recipe) -> RecipeChoice:
    training = recipe.training
    return RecipeChoice(
        name, _sentence(name), recipe.network.architecture, recipe.views.side, training.epochs, training.batch
    )


def _sentence(recipe: str) -> str:
    """Return how the second paragraph of a recipe's opening comment begins; the first tells what was measured."""
    lines = (SHIPPED / f"{recipe}.toml").read_text(encoding="utf-8").splitlines()
    opening = [line.removeprefix("#").strip() for line in takewhile(lambda line: line.startswith("#"), lines)]
    _, _, told = "\n".join(opening).partition("\n\n")
    sentence = re.split(r"(?<=\.) ", told.partition("\n\n")[0].replace("\n", " "), maxsplit=1)[0]
    return "" if "://" in sentence else sentence
