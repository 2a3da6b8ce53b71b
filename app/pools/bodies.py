"""What the API of pools, classes and images takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ClassesPerImage = Annotated[
    Literal["one", "several"],
    Field(description="`one`: an image has at most one label. `several`: it may have one of each class."),
]
Next = Annotated[str | None, Field(description="Pass it as `after` to get what follows; null at the end.")]
ImageId = Annotated[str, Field(description="The SHA-256 of the image's bytes, in hex.")]
FolderPath = Annotated[str, Field(description="Where the folder lies on the server; to all but engineers, its name.")]
RelativePath = Annotated[str, Field(description="Within its folder, with slashes; `file.bin#17` is a record.")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewPool(Body):
    name: str
    classes_per_image: ClassesPerImage = "one"


class PoolOut(BaseModel):
    name: str
    classes_per_image: ClassesPerImage


class ListedPool(PoolOut):
    images: int
    classes: int
    labelled: Annotated[int, Field(description="Images that are accepted for at least one class.")]


class PoolList(BaseModel):
    items: list[ListedPool]


class PoolDetail(PoolOut):
    folders: Annotated[list[FolderPath], Field(description="What was imported, first folder first.")]


class NewClass(Body):
    name: str


class ClassOut(BaseModel):
    name: str


class NewName(Body):
    name: str


class ListedClass(ClassOut):
    accepted: Annotated[int, Field(description="Images with this label.")]


class ClassList(BaseModel):
    items: list[ListedClass]


class PooledImageOut(BaseModel):
    id: ImageId
    path: RelativePath
    width: Annotated[int, Field(description="Pixels, upright.")]
    height: int
    labels: Annotated[list[str], Field(description="The classes that the image is accepted for.")]


class ImagePage(BaseModel):
    items: list[PooledImageOut]
    next: Next


class PlaceOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    pool: str
    path: RelativePath
    missing_since: Annotated[datetime | None, Field(description="When an import found it gone.")]


class ImageOut(BaseModel):
    id: ImageId
    width: Annotated[int, Field(description="Pixels, upright.")]
    height: int
    format: Annotated[str, Field(description="`JPEG`, `PNG`, `WEBP`, `GIF`, `BMP`, `TIFF`, `STL10` or `CIFAR10`.")]
    places: Annotated[list[PlaceOut], Field(description="Where it lies, and where it lay if it is missing.")]


class UnreadableOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    folder: FolderPath
    path: RelativePath
    reason: Annotated[str, Field(description="The end of a sentence that begins with the path.")]
    noticed_at: datetime


class UnreadablePage(BaseModel):
    items: list[UnreadableOut]
    next: Next


class LostOut(BaseModel):
    id: ImageId
    folder: FolderPath
    path: RelativePath
    missing_since: datetime


class LostPage(BaseModel):
    items: list[LostOut]
    next: Next


def problem_response(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    """Describe an error for the API's documentation."""
    return {status: {"description": description}}
