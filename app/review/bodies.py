"""What the review's API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ImageId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QueryBody(Body):
    images: Annotated[list[ImageId], Field(min_length=1, max_length=1000, description="Images of the pool.")]


class NewReview(Body):
    class_name: Annotated[str, Field(alias="class", description="The name of a class of the pool.")]
    query: QueryBody


class NewPage(Body):
    size: Annotated[int, Field(ge=1, le=500, description="How many candidates to show.")] = 60


class Marked(Body):
    rejected: Annotated[list[ImageId], Field(description="Candidates that do not match.")] = []
    unsure: Annotated[list[ImageId], Field(description="Candidates that cannot be told.")] = []


class NewCommit(Marked):
    milliseconds: Annotated[int | None, Field(ge=0, le=2**53, description="How long the page was looked at.")] = None
    key: Annotated[
        str | None, Field(min_length=1, max_length=200, description="The client's name for this commit.")
    ] = None


class Counts(BaseModel):
    accepted: int
    rejected: int
    unsure: int


class CandidateOut(BaseModel):
    image: str
    path: str
    score: float
    width: int
    height: int


class Marks(BaseModel):
    rejected: list[str] = []
    unsure: list[str] = []


class PageOut(BaseModel):
    """A page. `id` is null, and `message` says why, when nothing is left to show."""

    id: int | None
    review: int
    number: int | None = None
    state: Literal["open", "committed"] | None = None
    candidates: list[CandidateOut]
    marks: Annotated[Marks, Field(description="What the page's last commit struck out, to be restored after an undo.")]
    remaining: Annotated[int | None, Field(description="Undecided images, this page's included.")] = None
    message: str | None = None


class AheadOut(BaseModel):
    images: list[str]


class Standing(BaseModel):
    labels: Annotated[Counts, Field(description="Images of the class, all reviews together.")]
    purity: Annotated[list[float], Field(description="Accepted share of the last ten pages, the oldest first.")]


class CommitOut(Counts, Standing):
    page: int
    commit: int


class UndoOut(Standing):
    page: PageOut


class PageSummary(BaseModel):
    id: int
    number: int
    state: Literal["open", "committed"]
    accepted: int = 0
    rejected: int = 0
    unsure: int = 0


class QueryOut(BaseModel):
    images: list[str]
    uploads: list[str]


class ReviewOut(Standing):
    id: int
    pool: str
    class_name: Annotated[str, Field(serialization_alias="class")]
    url: str
    person: str
    query: QueryOut
    encoder: str
    index_version: int
    created_at: datetime
    pages: list[PageSummary]
    last_committed_page: int | None
