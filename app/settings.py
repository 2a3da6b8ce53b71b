"""The settings: read once from the environment and a file, then frozen and handed on."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

PROJECT = Path(__file__).resolve().parent.parent

FILE_VARIABLE = "WINNOW_CONFIG"
_FILE = "winnow.toml"


class FileUnusable(ValueError):
    """The file of settings is not there, is no TOML, or sets what cannot be set. The text is a sentence."""


class Settings(BaseSettings):
    """Everything that can be set: by an environment variable that begins with `WINNOW_`, or else in a file.

    The file is the one that `WINNOW_CONFIG` names, or `winnow.toml` in the home folder. Raises FileUnusable.
    """

    model_config = SettingsConfigDict(env_prefix="WINNOW_", frozen=True, populate_by_name=True, extra="ignore")

    home: Path = Field(
        default=Path.home() / ".winnow",
        description="The folder where everything is kept: database, thumbnails, vectors, index versions.",
    )
    database_url: str = Field(
        default="",
        validation_alias=AliasChoices("WINNOW_DATABASE_URL", "DATABASE_URL"),
        description="Where the database is. Empty: an SQLite file in `home`. "
        "PostgreSQL: postgresql+psycopg://user:password@host/name.",
    )
    host: str = Field(default="127.0.0.1", description="The address that the server listens on.")
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("WINNOW_PORT", "PORT"),
        description="The port that the server listens on.",
    )
    trust_local: bool = Field(
        default=False,
        description="Says that something outside Winnow keeps strangers away (a container published on "
        "127.0.0.1), so that listening on another address than loopback is allowed.",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Host names besides localhost that a browser may use for this server, split by commas.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks of reverse proxies, split by commas. What they say of the browser's "
        "address and of https is believed (X-Forwarded-For, X-Forwarded-Proto).",
    )
    root_path: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9._~-]+)*$",
        description="The path below which a reverse proxy shows Winnow, such as /winnow.",
    )
    log_in_days: int = Field(
        default=30, ge=1, le=400, description="After how many days without a visit a browser has to log in again."
    )
    log_in_failures: int = Field(
        default=10,
        ge=1,
        description="How many wrong passwords a name has within `log_in_window_minutes`; an address has five times "
        "as many, since people may share one.",
    )
    log_in_window_minutes: int = Field(default=15, ge=1, description="For how long a wrong password is counted.")
    import_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(Path.home(),),
        description="Folders whose sub-folders may be imported from the browser and the API, split by colons "
        "(by semicolons on Windows). A folder imported on the command line may be imported again from anywhere.",
    )
    encoder: str = Field(
        default="simclr-resnet18-96",
        description="The name of the encoder that a pool's first reindex uses unless told otherwise.",
    )
    max_pixels: int = Field(
        default=100_000_000, gt=0, description="Pictures with more pixels than this are listed as unreadable."
    )
    max_upload_bytes: int = Field(default=32 * 1024**2, gt=0, description="The largest picture that may be uploaded.")
    stacks: bool = Field(
        default=True,
        description="Whether a reindex looks for near-identical images, which a review then shows as one.",
    )
    planted_per_page: float = Field(
        default=0.5,
        ge=0,
        le=3,
        description="How many known negatives are shown again on a page, on average, to see whether they are caught. "
        "No label comes of them. 0 plants none.",
    )
    lease_minutes: float = Field(
        default=10,
        gt=0,
        le=24 * 60,
        description="How long the images of a page that nobody works on are kept from other annotators.",
    )
    keep_indexes: int = Field(
        default=3,
        ge=0,
        description="How many index versions of a pool a reindex keeps besides the served one and those that reviews "
        "are pinned to: the newest.",
    )
    review_rests_after_days: int = Field(
        default=90,
        ge=0,
        description="A review that nobody has worked on for so many days no longer keeps its index version from "
        "removal; whoever goes on with it then moves it to the served one. 0: it always keeps it.",
    )
    workers: int = Field(
        default=1, ge=1, le=64, description="How many processes answer requests, on one port and one database."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Whether a line of the log is for people, or a JSON object for programs."
    )
    log_requests: bool = Field(default=False, description="Whether each request leaves a line in the log.")
    metrics_token: str = Field(
        default="",
        repr=False,
        description="What a monitor has to send as a bearer to read `/metrics`. Empty: only this machine may.",
    )
    start_worker: bool = Field(default=True, description="Whether `winnow serve` starts a worker of its own.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given in Python goes before the environment, and that before the file."""
        assert isinstance(init_settings, InitSettingsSource)
        given = init_settings.init_kwargs.get("home") or os.environ.get("WINNOW_HOME")
        home = Path(given) if given else Path(settings_cls.model_fields["home"].default)
        return init_settings, env_settings, _file_source(settings_cls, home)

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("allowed_hosts", "trusted_proxies", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            value = value.split(",")
        if isinstance(value, (list, tuple)):
            return tuple(part.strip().lower() for part in map(str, value) if part.strip())
        return value

    @field_validator("trusted_proxies", mode="after")
    @classmethod
    def _some_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            try:
                everybody = proxy == "*" or ipaddress.ip_network(proxy).prefixlen == 0
            except ValueError as error:
                told = f"“{proxy}” is no address, such as 192.0.2.7, nor a network, such as 192.0.2.0/24"
                raise PydanticCustomError("no_network", "{told}", {"told": told}) from error
            if everybody:
                # Then the browser's address would be whatever anybody says, and guesses of passwords be counted by it.
                told = f"“{proxy}” is everybody; name the proxies themselves"
                raise PydanticCustomError("everybody", "{told}", {"told": told})
        return value

    @field_validator("import_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: object) -> object:
        if isinstance(value, str):
            value = [part for part in value.split(os.pathsep) if part]
        if isinstance(value, (list, tuple)):
            return tuple(Path(part).expanduser().absolute() for part in value)
        return value

    @property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.home / 'winnow.db'}"

    @property
    def for_others(self) -> bool:
        """Whether what is set makes sense only where others than this machine are answered, as behind a proxy."""
        return bool(self.allowed_hosts or self.trusted_proxies or self.root_path)

    @property
    def lease(self) -> timedelta:
        """How long a page's images are kept from others since somebody last worked on it."""
        return timedelta(minutes=self.lease_minutes)

    @property
    def thumbnails(self) -> Path:
        return self.home / "thumbnails"

    @property
    def uploads(self) -> Path:
        return self.home / "uploads"

    @property
    def vectors(self) -> Path:
        """Half-built vectors of running reindexes; what makes them resumable."""
        return self.home / "vectors"

    @property
    def indexes(self) -> Path:
        return self.home / "indexes"

    @property
    def runs(self) -> Path:
        """Pretraining runs, a folder each: checkpoints to go on from, milestones, and the list of images."""
        return self.home / "runs"

    @property
    def encoder_folders(self) -> tuple[Path, Path]:
        """Where encoders are looked for by name: one's own first, then those that come with Winnow."""
        return self.home / "encoders", PROJECT / "ml" / "encoders"


def _file_source(settings_cls: type[BaseSettings], home: Path) -> PydanticBaseSettingsSource:
    named = os.environ.get(FILE_VARIABLE)
    file = (Path(named) if named else home / _FILE).expanduser()
    if named and not file.is_file():
        raise FileUnusable(f"{FILE_VARIABLE} names {file}, but there is no such file.")
    try:
        source = TomlConfigSettingsSource(settings_cls, file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileUnusable(f"{file} is no TOML: {error}.") from error
    except OSError as error:
        raise FileUnusable(f"{file} cannot be read: {error.strerror}.") from error
    unknown = sorted(set(source.toml_data) - set(settings_cls.model_fields))
    if unknown:
        raise FileUnusable(f"{file} sets what Winnow does not know: {', '.join(unknown)}. docs/operators.md lists all.")
    return source
