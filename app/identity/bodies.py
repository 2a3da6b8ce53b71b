"""What the API of people takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.identity.people import Everywhere
from app.identity.secrets import LONGEST_PASSWORD, SHORTEST_PASSWORD
from app.words import Role

# Given to be checked; only a new one has a shortest length, and the sentence for that says what makes a good one.
Password = Annotated[str, Field(max_length=LONGEST_PASSWORD)]
NewPassword = Annotated[
    str, Field(max_length=LONGEST_PASSWORD, description=f"At least {SHORTEST_PASSWORD} characters.")
]


class LogInRequest(BaseModel):
    name: str = Field(max_length=400)
    password: Password


class Me(BaseModel):
    name: str
    admin: bool
    way: Literal["local", "log-in", "token"] = Field(
        description="`local`: nobody has to log in here yet, and whoever comes may do everything."
    )
    roles: dict[str, Role] = Field(description="By pool. An admin may do everything in all pools.")


class NewOwnPassword(BaseModel):
    present: Password
    new: NewPassword


class PersonOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    name: str
    admin: bool
    logs_in: bool = Field(description="False for whoever used Winnow before people logged in.")
    last_seen_at: datetime | None = Field(description="In a browser where they are logged in; to a few minutes.")
    roles: dict[str, Role] = Field(description="By pool.")


class PersonList(BaseModel):
    items: list[PersonOut]


class NewPerson(BaseModel):
    name: str
    password: NewPassword
    admin: bool = Field(default=False, description="Whether they may do everything, and manage people.")


class PersonMade(BaseModel):
    name: str


class PersonChange(BaseModel):
    """What is absent stays. Either change ends all log-ins of the person; another's password ends their tokens too."""

    password: NewPassword | None = None
    admin: bool | None = None


class NewToken(BaseModel):
    name: str = Field(description="What it is for, in your words.")
    role: Everywhere = Field(default="annotator", description="It may do no more than this, nor than you.")
    days: int | None = Field(default=90, ge=1, le=3650, description="How long it lasts; null: until it is revoked.")


class TokenOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    role: Everywhere
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To a few minutes.")


class TokenMade(TokenOut):
    token: str = Field(description="To be sent as `Authorization: Bearer …`. It is shown this once.")


class TokenList(BaseModel):
    items: list[TokenOut]
