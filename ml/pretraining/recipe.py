"""Recipes: everything that decides what a pretraining run makes, besides its images. TOML in, frozen and checked."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from math import ceil, log2
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import ErrorDetails

from ml.errors import Refusal

SHIPPED = Path(__file__).resolve().parent.parent / "recipes"

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

# `auto` sees each image as often as a run of this many images would need, within bounds that people sit through.
_AUTO_IMAGES_SEEN = 20_000_000
_AUTO_EPOCHS = (100, 1000)
_AUTO_BATCH = (16, 512)


class BadRecipe(Refusal):
    """A recipe that cannot be used; the message is a sentence that names the recipe, the key and the value."""


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the first bound is above the second")
    return bounds


def _three_positive(values: tuple[float, float, float]) -> tuple[float, float, float]:
    if min(values) <= 0:
        raise ValueError("each must be above 0")
    return values


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Colour = tuple[float, float, float]
Bounds = Annotated[tuple[Positive, Positive], AfterValidator(_rising)]
Part = Annotated[float, Field(gt=0, le=1)]
Parts = Annotated[tuple[Part, Part], AfterValidator(_rising)]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Views:
    """How an image becomes two views; names and meanings are torchvision's."""

    side: Annotated[int, Field(ge=8)]  # pixels of a view: what the network sees
    stored: Annotated[int, Field(ge=8)]  # pixels of an image in memory: short side resized, centre cut out
    area: Parts = (0.08, 1.0)  # of the crop, as a share of the stored image
    ratio: Bounds = (3 / 4, 4 / 3)  # of the crop's width to its height
    flip: Share = 0.5
    jitter: Share = 0.8
    brightness: NotNegative = 0.8
    contrast: NotNegative = 0.8
    saturation: NotNegative = 0.8
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    grey: Share = 0.2
    blur: Share = 0.5
    sigma: Bounds = (0.1, 2.0)  # of the blur, in pixels
    mean: Colour = (0.45, 0.45, 0.45)  # of RGB values from 0 to 1
    std: Annotated[Colour, AfterValidator(_three_positive)] = (0.25, 0.25, 0.25)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Network:
    """The backbone that is kept, and the projection head that is trained with it and thrown away."""

    architecture: str = "resnet18"  # resnet18, resnet34, resnet50, or timm/NAME with the extra `timm`
    # stock: 7x7, stride 2, maxpool; small: 3x3, stride 1; small-maxpool: 3x3, stride 1, maxpool.
    stem: Literal["stock", "small", "small-maxpool"] = "stock"
    head_hidden: Count = 2048
    head_output: Count = 128


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Method:
    """What two views of an image are to have in common."""

    name: Literal["simclr", "byol", "moco"] = "simclr"
    loss: Literal["ntxent", "dcl"] = "ntxent"  # byol has its own
    temperature: Positive = 0.2
    teacher_momentum: Share = 0.99  # byol, moco: at the start; it rises to 1 by a cosine


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Training:
    """How long, in what portions, and at what rate."""

    epochs: Count | Literal["auto"] = "auto"
    batch: Annotated[int, Field(ge=2)] | Literal["auto"] = "auto"  # over all GPUs together, whatever their number
    optimiser: Literal["sgd", "adam", "adamw", "lars"] = "adam"
    rate: Positive = 2e-3  # for a batch of `rate_batch` images
    rate_batch: Count = 512
    rate_scaling: Literal["linear", "sqrt", "none"] = "sqrt"  # how the rate follows another batch
    momentum: Share = 0.9  # sgd and lars
    weight_decay: NotNegative = 1e-6
    warmup_epochs: NotNegative = 10.0
    schedule: Literal["cosine", "steps", "constant"] = "cosine"
    drops: tuple[Count, ...] = (50, 25)  # `steps`: epochs before the end, …
    drop: Positive = 0.2  # … where the rate is multiplied by this
    precision: Literal["auto", "float32", "bf16"] = "auto"  # auto: bf16 on a GPU


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Checkpoints:
    """What is kept of a run."""

    minutes: NotNegative = 2.0  # of wall time between two states to resume from; 0: after each step
    keep: Count = 2  # such states: the newest, and those before it in case it is damaged
    milestones: tuple[Count, ...] = ()  # epochs kept for good, besides the last
    milestone_every: Annotated[int, Field(ge=0)] = 0  # and every so many epochs; 0: none


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Watch:
    """How a run is judged while it goes on."""

    every_epochs: Annotated[int, Field(ge=0)] = 10  # 0: never
    images: Count = 10_000  # at most so many are looked at
    least_rank: NotNegative = 8.0  # RankMe below this, three times running, is a collapse; 0: never


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Recipe:
    """What a run does. Two runs of one recipe over the same images are the same run."""

    name: str
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    views: Views
    network: Network = Field(default_factory=Network)
    method: Method = Field(default_factory=Method)
    training: Training = Field(default_factory=Training)
    checkpoints: Checkpoints = Field(default_factory=Checkpoints)
    watch: Watch = Field(default_factory=Watch)

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as nested dicts of plain values, as checkpoints and manifests hold it."""
        return asdict(self)


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def read_recipe(name_or_file: str | Path, changes: Sequence[str] = ()) -> Recipe:
    """Return a shipped recipe by name, or one's own by its file, with changes such as "training.epochs=10".

    Raises BadRecipe.
    """
    file = Path(name_or_file)
    if file.suffix != ".toml":
        file = SHIPPED / f"{name_or_file}.toml"
        if not file.is_file():
            raise BadRecipe(
                f"There is no recipe {name_or_file}. Shipped are {', '.join(shipped_recipes())}; "
                "one's own is named by its file, which ends in .toml."
            )
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadRecipe(f"The recipe {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadRecipe(f"The recipe {file} is no TOML: {error}.") from error
    for change in changes:
        _change(content, change)
    return recipe_of({"name": file.stem, **content}, told_as=f"The recipe {file.stem}")


def recipe_of(content: Mapping[str, Any], *, told_as: str = "The recipe") -> Recipe:
    """Return the recipe that `as_dict` once gave, or a TOML file holds. Raises BadRecipe, naming every wrong key."""
    try:
        # Strict about types, but by JSON's: an array is a tuple, a whole number will do for a float.
        # TOML's dates, which JSON lacks, are no key's value either way.
        recipe: Recipe = TypeAdapter(Recipe).validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise BadRecipe(f"{told_as} cannot be used: {'; '.join(_told(error.errors()))}.") from error
    if recipe.views.stored < recipe.views.side:
        raise BadRecipe(
            f"{told_as} cannot be used: views.stored ({recipe.views.stored}) is smaller than views.side "
            f"({recipe.views.side})."
        )
    return recipe


def resolved(recipe: Recipe, *, images: int) -> Recipe:
    """Return the recipe with every `auto` replaced by what suits so many images. Precision is the machine's to choose.

    Raises BadRecipe if the images do not fill one batch.
    """
    training = recipe.training
    batch, epochs = training.batch, training.epochs
    if batch == "auto":
        # A power of two that leaves an epoch at least eight steps.
        batch = int(min(max(2 ** int(log2(max(images / 8, 1))), _AUTO_BATCH[0]), _AUTO_BATCH[1]))
    if epochs == "auto":
        epochs = min(max(ceil(_AUTO_IMAGES_SEEN / max(images, 1)), _AUTO_EPOCHS[0]), _AUTO_EPOCHS[1])
    if images < batch:
        raise BadRecipe(
            f"There are {images:,} images, fewer than a batch of {batch:,}: "
            "add images, or lower it with --set training.batch=…"
        )
    return replace(recipe, training=replace(training, batch=batch, epochs=epochs))


def differences(one: Recipe, other: Recipe) -> list[str]:
    """Return the dotted keys in which two recipes differ, each with both values."""
    first, second = _flat(one.as_dict()), _flat(other.as_dict())
    return [f"{key}: {first[key]} is now {second[key]}" for key in first if first[key] != second[key]]


def _change(content: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not (equals and key.strip()):
        raise BadRecipe(f"“{change}” changes nothing: write it as training.epochs=10.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        value = text.strip()
    *tables, name = key.strip().split(".")
    for table in tables:
        content = content.setdefault(table, {})
        if not isinstance(content, dict):
            raise BadRecipe(f"“{change}” names a key within {table}, which is a value.")
    content[name] = value


def _told(errors: Sequence[ErrorDetails]) -> list[str]:
    """Return a clause for each key at fault, also where it may be one of several kinds of values."""
    told: dict[str, str] = {}
    for error in errors:
        key = ".".join(str(part) for part in error["loc"] if part not in {"int", "constrained-int", "literal['auto']"})
        reason = error["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        if error["type"] == "unexpected_keyword_argument":
            told[key] = f"there is no key {key}"
        elif error["type"] == "missing":
            told[key] = f"the key {key} is missing"
        elif key in told:
            told[key] += f" or {reason.removeprefix('it should be ')}"
        else:
            told[key] = f"{key} is {error['input']!r}: {reason}"
    return list(told.values())


def _flat(tables: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tables.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return flat
