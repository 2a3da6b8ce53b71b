"""What the labels' API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.verdicts.queries import Counts
from app.words import VerdictValue


class Correction(BaseModel):
    """A verdict given outside a review."""

    model_config = ConfigDict(extra="forbid")

    images: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]], Field(min_length=1, max_length=1000)
    ]
    verdict: VerdictValue


class CorrectionOut(BaseModel):
    commit: Annotated[int, Field(description="DELETE /api/v1/commits/{commit} takes it back.")]
    changed: int
    labels: Counts


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
    labels: Counts
