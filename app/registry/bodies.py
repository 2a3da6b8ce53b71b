"""What the API of encoders and index versions takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class EncoderAnswer(BaseModel):
    name: str
    problem: str | None = Field(description="Why it cannot be used, in a sentence; null if it can.")
    digest: str | None = Field(description="The SHA-256 of its manifest.")
    architecture: str | None
    dimension: int | None
    input_size: tuple[int, int] | None = Field(description="Height and width in pixels.")
    epochs: int | None
    quality: dict[str, Any] | None


class EncoderList(BaseModel):
    items: list[EncoderAnswer]
    default: str = Field(description="What a reindex uses for a pool that has no index yet, unless told otherwise.")


class VersionAnswer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    encoder: str
    digest: str = Field(description="The SHA-256 of the encoder's manifest.")
    dimension: int
    count: int = Field(description="How many images it holds.")
    checks: dict[str, Any] | None = Field(
        description="What it was found to be before it could be served; null for one built before there were checks."
    )
    created_at: datetime
    removed_at: datetime | None = Field(description="When its vectors were deleted; null while they are there.")


class ListedVersion(VersionAnswer):
    served: bool = Field(description="Whether new reviews use it.")
    served_before: bool = Field(description="Whether new reviews used it once, and use another one now.")
    missing: bool = Field(description="Whether files of it are gone, so that nothing can be found by it.")
    pinned_by: int = Field(description="How many reviews keep to it; as long as there are any, it is not removed.")
    bytes: int = Field(description="What its folder takes on the disk.")


class VersionList(BaseModel):
    items: list[ListedVersion]


class ServedRequest(BaseModel):
    index_version: int = Field(description="The id of an index version of this pool.")


class ServedAnswer(BaseModel):
    index_version: VersionAnswer | None = Field(description="Null before the pool's first reindex.")
