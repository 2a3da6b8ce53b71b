"""What the labels' API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.verdicts.queries import ClassCounts, Counts
from app.verdicts.rules import LabelCounts
from app.words import MAJORITY, Rule, VerdictValue


class Correction(BaseModel):
    """A verdict given outside a review."""

    model_config = ConfigDict(extra="forbid")

    images: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]], Field(min_length=1, max_length=1000)
    ]
    verdict: VerdictValue


class Settlement(Correction):
    """A lead's last word on images whose verdicts differ."""

    key: Annotated[
        str | None, Field(min_length=1, max_length=200, description="The client's name for this settlement.")
    ] = None
    seen: Annotated[
        dict[str, Annotated[int, Field(ge=0, le=2**63 - 1)]],
        Field(
            max_length=1000,
            description="Of each image the `id` of the last that was `said` when it was listed: if somebody else has "
            "settled it since, nothing is stored. Images that are not here are settled in any case.",
        ),
    ] = {}


class SettlementOut(BaseModel):
    commit: Annotated[int, Field(description="DELETE /api/v1/commits/{commit} takes it back.")]
    settled: int
    disputed: Annotated[int, Field(description="Disagreements that are left in the pool.")]


class SaidOut(BaseModel):
    """One person's own verdict, or a settlement."""

    model_config = ConfigDict(from_attributes=True)

    id: Annotated[int, Field(description="Grows with what is said later.")]
    person: str
    class_name: Annotated[
        str, Field(serialization_alias="class", description="Another one, where the pool has one class per image.")
    ]
    verdict: VerdictValue
    settles: bool
    when: datetime


class SaidMeanwhile(BaseModel):
    """What goes along with the refusal to settle what somebody else has settled."""

    model_config = ConfigDict(from_attributes=True)

    said: Annotated[dict[str, list[SaidOut]], Field(description="Of each image that somebody else settled, as it is.")]


class DisagreementOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    image: str
    path: str
    width: int
    height: int
    class_name: Annotated[str, Field(serialization_alias="class")]
    label: Annotated[VerdictValue | Literal["open"], Field(description="What holds until it is settled.")]
    said: Annotated[list[SaidOut], Field(description="The earliest first.")]


class DisagreementsPage(BaseModel):
    items: list[DisagreementOut]
    next: str | None
    total: Annotated[int, Field(description="Of the pool, or of the class asked for.")]
    disputed: Annotated[int, Field(description="Of the pool, whatever class was asked for.")]


class CorrectionOut(BaseModel):
    commit: Annotated[int, Field(description="DELETE /api/v1/commits/{commit} takes it back.")]
    changed: int
    labels: ClassCounts


class UndoneOut(BaseModel):
    commit: int
    state: Literal["undone"] = "undone"


class LabelledOut(BaseModel):
    image: str
    path: str
    verdict: VerdictValue
    when: datetime
    score: float | None


class LabelledPage(BaseModel):
    items: list[LabelledOut]
    next: str | None
    labels: ClassCounts


class RuleBody(BaseModel):
    """How a pool turns the verdicts of several people into labels."""

    model_config = ConfigDict(extra="forbid")

    rule: Annotated[
        Rule,
        Field(
            description="`latest`: the latest verdict wins. `first`: that of whoever judged an image first. "
            "`majority`: what most of so many people say. `lead`: what all say, or else what a lead decides."
        ),
    ]
    majority_of: Annotated[
        int | None, Field(ge=2, le=99, description="Of `majority`: how many people have to look at an image.")
    ] = None

    @model_validator(mode="after")
    def _majority_of_so_many(self) -> RuleBody:
        if self.rule == MAJORITY and self.majority_of is None:
            raise ValueError("the rule “majority” wants “majority_of”: how many people have to look at an image")
        if self.rule != MAJORITY and self.majority_of is not None:
            raise ValueError("“majority_of” belongs to the rule “majority”, and to no other")
        return self


class RuleOut(RuleBody):
    labels: Annotated[LabelCounts, Field(description="Of the whole pool; an image counts once for each class.")]


class RuleChanged(RuleOut):
    before: Annotated[LabelCounts, Field(description="What there was under the rule before.")]
    changed: Annotated[int, Field(description="Images of which something holds now that did not.")]


Kappa = Annotated[float | None, Field(description="Beyond chance; null where all verdicts are one and the same.")]


class PairOut(BaseModel):
    people: list[str]
    images: Annotated[int, Field(description="That both judged.")]
    raw: Annotated[float, Field(description="The share on which they agree.")]
    cohen: Kappa
    sentence: str


class WorkOut(BaseModel):
    """What one person stored of a class, page by page."""

    model_config = ConfigDict(from_attributes=True)

    person: str
    pages: int
    seconds: Annotated[float | None, Field(description="That half of the pages took at most; null where none tells.")]
    planted: Annotated[int, Field(description="Known wrong pictures that were shown among the others.")]
    caught: Annotated[int, Field(description="Of these, what was struck out.")]
    sentence: str


class AgreementOut(BaseModel):
    """How far people agree on the images of a class that at least two of them judged."""

    images: int
    raw: Annotated[float | None, Field(description="The share of pairs of people that agree; null without images.")]
    fleiss: Kappa
    sentence: str
    pairs: Annotated[list[PairOut], Field(description="Those with the most images in common first.")]
    people: Annotated[list[WorkOut], Field(description="Whoever stored pages, the most first.")]


class MergeAheadOut(BaseModel):
    """What a merge would bring together."""

    model_config = ConfigDict(from_attributes=True)

    class_name: Annotated[str, Field(serialization_alias="class")]
    into: str
    counts: Annotated[Counts, Field(description="Of the class that would be merged.")]
    into_counts: Annotated[Counts, Field(description="Of the class that it would be merged into.")]
    both: Annotated[int, Field(description="Images on which both have a verdict; the pool's rule decides.")]


class Merge(BaseModel):
    model_config = ConfigDict(extra="forbid")

    into: Annotated[str, Field(description="The name of another class of the pool.")]


class MergedOut(BaseModel):
    class_name: Annotated[str, Field(serialization_alias="class", description="The class that is left, or is back.")]
