"""What the review's API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.search.crops import Crop
from app.verdicts.queries import ClassCounts
from app.words import ACCEPT, FIRST, NEXT, PageKind, ReviewKind, VerdictValue

ImageId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


# What the corner and the size of a rectangle may be, in parts of the picture as it is seen: upright, 0 to 1.
_Corner = Annotated[float, Field(ge=0, lt=1)]
_Side = Annotated[float, Field(ge=0.0001, le=1)]
# A rectangle that reaches exactly to the edge may reach beyond it by what decimals lose.
_LOST_IN_ADDING = 1e-6


class CropBody(Body):
    """A part of an image of the pool, or of an upload, that the upload's place in the form names."""

    image: ImageId | None = None
    upload: Annotated[int | None, Field(ge=0, description="The first upload of the form is 0.")] = None
    left: _Corner
    top: _Corner
    width: _Side
    height: _Side

    @model_validator(mode="after")
    def _of_one_picture(self) -> CropBody:
        if (self.image is None) == (self.upload is None):
            raise ValueError("a part is either of an “image” or of an “upload”")
        return self

    @model_validator(mode="after")
    def _within_the_picture(self) -> CropBody:
        for start, side, sum_ in (("left", "width", self.left + self.width), ("top", "height", self.top + self.height)):
            if sum_ > 1 + _LOST_IN_ADDING:
                raise ValueError(f"the part reaches out of the picture: {start} and {side} are {sum_:.4g} together")
        return self

    @property
    def crop(self) -> Crop:
        return Crop(self.left, self.top, self.width, self.height)


class QueryBody(Body):
    images: Annotated[
        list[ImageId], Field(max_length=1000, description="Images of the pool to find alike ones of.")
    ] = []
    unwanted: Annotated[list[ImageId], Field(max_length=1000, description="Images of the pool to stay away from.")] = []
    crops: Annotated[list[CropBody], Field(max_length=20, description="Parts of pictures to find alike ones of.")] = []
    labelled: Annotated[bool, Field(description="Whether to start from what the class has accepted.")] = False


class NewReview(Body):
    class_name: Annotated[str, Field(alias="class", description="The name of a class of the pool.")]
    kind: Annotated[ReviewKind, Field(description="`second`: of what others accepted; it needs no query.")] = FIRST
    query: QueryBody | None = None

    @model_validator(mode="after")
    def _query_of_a_first_one(self) -> NewReview:
        if (self.query is None) == (self.kind == FIRST):
            raise ValueError(
                "a review starts from a “query”"
                if self.kind == FIRST
                else "a second review shows what others accepted, so it takes no “query”"
            )
        return self


class NewVersion(Body):
    index_version: Annotated[
        int | None, Field(ge=1, le=2**63 - 1, description="One of the pool's; the served one if left out.")
    ] = None


class FollowingPage(Body):
    """A page in the order of the review."""

    size: Annotated[int, Field(ge=1, le=500, description="How many candidates to show.")] = 60
    doubtful: Annotated[
        Literal["first", "last"], Field(description="Of `next`: where on the page the least likely ones are.")
    ] = "last"
    plant: Annotated[bool, Field(description="Of `next`: whether known negatives may be planted.")] = True


class NewPage(FollowingPage):
    kind: Annotated[
        Literal["next", "deeper", "like", "second"],
        Field(
            description="`next`: the best of the order. `deeper`: from further down. `like`: what is like one image. "
            "`second`: what this review decided, once more, the most doubtful first."
        ),
    ] = NEXT
    skip: Annotated[
        int | None,
        Field(ge=0, le=2**31 - 1, description="Of `deeper`: how many to skip; the next look by halving if left out."),
    ] = None
    like: Annotated[ImageId | None, Field(description="Of `like`: an image of the pool.")] = None
    of: Annotated[VerdictValue, Field(description="Of `second`: which verdicts to look at again.")] = ACCEPT
    afresh: Annotated[bool, Field(description="Of `next`: set an open page aside instead of answering it.")] = False


class Marked(Body):
    rejected: Annotated[list[ImageId], Field(description="Candidates that do not match.")] = []
    unsure: Annotated[list[ImageId], Field(description="Candidates that cannot be told.")] = []
    opened: Annotated[
        list[ImageId], Field(description="Stacks of which each image was judged by itself, by the image on top.")
    ] = []


class NewCommit(Marked):
    milliseconds: Annotated[int | None, Field(ge=0, le=2**53, description="How long the page was looked at.")] = None
    key: Annotated[
        str | None, Field(min_length=1, max_length=200, description="The client's name for this commit.")
    ] = None
    next: Annotated[
        FollowingPage | None, Field(description="The page to be answered along with it, which saves asking for it.")
    ] = None


class Counts(BaseModel):
    accepted: int
    rejected: int
    unsure: int


class PictureOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    image: str
    path: str
    score: float
    width: int
    height: int


class CandidateOut(PictureOut):
    beneath: Annotated[
        list[PictureOut], Field(description="Near-duplicates that this image stands for; they get its verdict.")
    ] = []


class Marks(BaseModel):
    rejected: list[str] = []
    unsure: list[str] = []
    opened: list[str] = []


class PageOut(BaseModel):
    """A page. `id` is null, and `message` says why, when nothing is left to show.

    With a page, `message` says that the review's class was merged into another, if it was.
    """

    id: int | None
    review: int
    number: int | None = None
    kind: PageKind | None = None
    skipped: Annotated[int | None, Field(description="Undecided images before it in the order.")] = None
    lot: Annotated[int | None, Field(description="The lot that it is a sample of.")] = None
    state: Literal["open", "committed", "set aside"] | None = None
    candidates: list[CandidateOut]
    marks: Annotated[Marks, Field(description="What the page's last commit struck out, to be restored after an undo.")]
    remaining: Annotated[
        int | None, Field(description="Undecided images, this page's included, that nobody else is looking at.")
    ] = None
    leased: Annotated[
        int | None,
        Field(
            description="Undecided images that others are looking at just now; where there is no page, 0 unless these "
            "are all that is left."
        ),
    ] = None
    leased_for: Annotated[float | None, Field(description="Seconds for which nobody else is shown these.")] = None
    message: str | None = None


class LeaseOut(BaseModel):
    leased_for: Annotated[
        float | None, Field(description="Seconds; null where the page is not open, or leases nothing.")
    ]


class AheadOut(BaseModel):
    images: list[str]


class Standing(BaseModel):
    labels: Annotated[
        ClassCounts,
        Field(
            description="Images of the class, all reviews together; `open` ones wait for more verdicts, or for a lead."
        ),
    ]
    purity: Annotated[list[float], Field(description="Accepted share of the last ten pages, the oldest first.")]


class DecidedByOther(BaseModel):
    """An image that somebody else decided while the page lay open. It stays as it is."""

    image: str
    person: str
    value: VerdictValue
    class_name: Annotated[str, Field(validation_alias="class", serialization_alias="class")]


class CommitOut(Counts, Standing):
    page: int
    commit: int
    by_others: Annotated[
        list[DecidedByOther], Field(description="Images that were not stored: others had decided them meanwhile.")
    ] = []
    planted: Annotated[int, Field(description="Known negatives that were among the candidates.")] = 0
    missed: Annotated[list[str], Field(description="Those of them that were not struck out. No label came of it.")] = []
    message: Annotated[str | None, Field(description="That the review's class was merged into another, if so.")] = None
    next: Annotated[
        PageOut | None, Field(description="The page asked for with it; null too where it is to be asked for by itself.")
    ] = None


class UndoOut(Standing):
    page: PageOut


class PageSummary(BaseModel):
    id: int
    number: int
    kind: PageKind
    state: Literal["open", "committed"]
    accepted: int = 0
    rejected: int = 0
    unsure: int = 0


class CropOut(BaseModel):
    """A part of an image or of an upload."""

    image: str | None
    upload: str | None
    left: float
    top: float
    width: float
    height: float


class QueryOut(BaseModel):
    images: list[str]
    uploads: list[str]
    crops: list[CropOut]
    unwanted: list[str]


class ReviewOut(Standing):
    id: int
    kind: ReviewKind
    pool: str
    class_name: Annotated[str, Field(serialization_alias="class")]
    url: str
    person: str
    query: QueryOut
    encoder: str
    index_version: int
    served_version: Annotated[int | None, Field(description="The index version that new reviews use.")]
    created_at: datetime
    pages: list[PageSummary]
    last_committed_page: int | None
    last_committed_lot: Annotated[int | None, Field(description="Instead of a page, if a lot was accepted last.")]
    lot: Annotated[int | None, Field(description="A lot of which a sample is being looked at.")]


class NewLot(Body):
    size: Annotated[int, Field(ge=1, le=10_000_000, description="The first so many of the order.")]
    looks: Annotated[
        Literal[1, 3],
        Field(description="One look spends all of the 5 % of doubt; of three, each spends its part. Fixed beforehand."),
    ] = 1


class LotCommit(Body):
    key: Annotated[
        str | None, Field(min_length=1, max_length=200, description="The client's name for this commit.")
    ] = None


class LotOut(BaseModel):
    """A lot: the first so many of an order, to be accepted together by a random sample."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    review: int
    size: int
    looks: Annotated[list[int], Field(description="Images seen by the end of each look, as fixed beforehand.")]
    state: Literal["looking", "judged", "accepted", "given up"]
    page: Annotated[int | None, Field(description="The open page of the sample, while `looking`.")]
    seen: int
    accepted: int
    rejected: int
    unsure: int
    rest: Annotated[int, Field(description="Images of the lot that nobody has decided yet.")]
    confidence: Annotated[float | None, Field(description="Of the bound, given the looks taken.")]
    at_least: Annotated[float | None, Field(description="The share of the lot that matches, at least.")]
    poor: Annotated[bool, Field(description="The bound is too low to accept what nobody has seen.")]
    statement: str | None
    corrected: Annotated[str | None, Field(description="The same, by the person's catch rate for planted negatives.")]
    next_look: Annotated[int | None, Field(description="How many more the next look would show.")]
    rejected_since: Annotated[int, Field(description="Labels made by sample that were rejected later.")]
    restated: str | None


class LotCommitOut(Standing):
    lot: int
    commit: int
    accepted: int
    skipped: Annotated[
        int, Field(description="Images of the lot that had been decided meanwhile, or that others are looking at.")
    ]
    statement: str


class Bin(BaseModel):
    """A bar of the strip: images by their score now."""

    left: int
    accepted: int
    rejected: int
    probability: Annotated[float, Field(description="Of a match, in the middle of the bar.")]


class AttentionOut(BaseModel):
    planted: Annotated[int, Field(description="Known negatives on the person's latest pages.")]
    caught: int
    overlooked: Annotated[float, Field(description="Wrong ones that were probably accepted for the class.")]
    due: Annotated[bool, Field(description="Whether a second look is worth its time.")]


class OutlookOut(BaseModel):
    """What is to be expected of a review."""

    remaining: Annotated[int, Field(description="Undecided images that nobody else is looking at.")]
    leased: Annotated[int, Field(description="Undecided images that others are looking at just now.")]
    expected: Annotated[float | None, Field(description="The share of the page asked about that should match.")]
    next_purity: Annotated[float, Field(description="The share of the best so many that should match.")]
    left: Annotated[int, Field(description="Matches among the undecided images, estimated.")]
    low: Annotated[int, Field(description="With `high`: where they lie nine times in ten.")]
    high: int
    cut: Annotated[int, Field(description="So many images come before the chance of a match falls under a half.")]
    stop: Annotated[bool, Field(description="Whether it is time to stop.")]
    sentence: str
    bins: Annotated[list[Bin], Field(description="The order in bars of score, the best first.")]
    doubtful: Annotated[list[str], Field(description="Images of the page asked about that may well not match.")]
    attention: AttentionOut
