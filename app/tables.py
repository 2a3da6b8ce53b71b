"""The tables. Verdicts are append-only; everything else points at them or can be made anew from them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.words import FIRST, LATEST, NEXT, QUEUED, SEEN

# SQLite counts rows up only in a column that is INTEGER to the letter.
_Id = BigInteger().with_variant(Integer, "sqlite")


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware on both databases (SQLite itself keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """The base of all tables; constraints are named, so that migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON(none_as_null=True),
        list[int]: JSON(none_as_null=True),
        int: _Id,
    }


class Person(Table):
    """Somebody who gives verdicts. Whoever has gone stays, since their verdicts do."""

    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(400), unique=True)
    admin: Mapped[bool] = mapped_column(default=False)  # of the whole server
    password_hash: Mapped[str | None] = mapped_column(String(200))  # Argon2; nobody logs in without one
    removed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class LogIn(Table):
    """One browser in which somebody is logged in. It is known by the digest of its cookie."""

    __tablename__ = "log_in"
    __table_args__ = (Index(None, "person_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256
    created_at: Mapped[datetime] = mapped_column(default=now)
    last_seen_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class LogInAttempt(Table):
    """A log-in that failed; too many of them slow the next ones down."""

    __tablename__ = "log_in_attempt"
    __table_args__ = (Index(None, "name_key", "at"), Index(None, "address", "at"))
    id: Mapped[int] = mapped_column(primary_key=True)
    name_key: Mapped[str] = mapped_column(String(400))
    address: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(default=now)


class Token(Table):
    """What a program of somebody's shows instead of a log-in. The token itself is not kept."""

    __tablename__ = "token"
    __table_args__ = (
        Index(None, "person_id"),
        CheckConstraint("role IN ('annotator', 'lead', 'engineer', 'admin')", name="role"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256
    role: Mapped[str] = mapped_column(String(16))  # it may do no more than this, nor than its person
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Pool(Table):
    """A set of images that are labelled together, with its own classes."""

    __tablename__ = "pool"
    __table_args__ = (
        CheckConstraint("classes_per_image IN ('one', 'several')", name="classes_per_image"),
        CheckConstraint("rule IN ('latest', 'first', 'majority', 'lead')", name="rule"),
        CheckConstraint("(rule = 'majority') = (majority_of IS NOT NULL)", name="majority_of_how_many"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(400), unique=True)
    classes_per_image: Mapped[str] = mapped_column(String(8), default="one")
    rule: Mapped[str] = mapped_column(String(8), default=LATEST)  # what the verdicts of several people amount to
    majority_of: Mapped[int | None] = mapped_column(Integer)  # how many people have to look
    created_at: Mapped[datetime] = mapped_column(default=now)


class Member(Table):
    """That somebody works on a pool, and as what."""

    __tablename__ = "member"
    __table_args__ = (
        Index(None, "person_id"),
        CheckConstraint("role IN ('annotator', 'lead', 'engineer')", name="role"),
    )
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Folder(Table):
    """A folder that was imported into a pool. Originals stay there."""

    __tablename__ = "folder"
    __table_args__ = (UniqueConstraint("pool_id", "location"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    location: Mapped[str] = mapped_column(Text)  # absolute
    created_at: Mapped[datetime] = mapped_column(default=now)


class Image(Table):
    """One picture, known by the SHA-256 of its bytes, whatever pools hold it."""

    __tablename__ = "image"
    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    width: Mapped[int] = mapped_column(Integer)  # as seen: after the EXIF orientation
    height: Mapped[int] = mapped_column(Integer)
    format: Mapped[str] = mapped_column(String(16))  # "JPEG", "PNG", ..., "STL10", "CIFAR10"
    created_at: Mapped[datetime] = mapped_column(default=now)


class PoolImage(Table):
    """That a pool holds an image."""

    __tablename__ = "pool_image"
    __table_args__ = (Index(None, "image_id"),)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)


class ImagePath(Table):
    """One place where an image's bytes lie, or lay; duplicates give an image several."""

    __tablename__ = "image_path"
    __table_args__ = (
        # Other bytes under the same path are another image; the one before stays, and is missing.
        UniqueConstraint("folder_id", "path", "image_id"),
        Index(
            "one_present_image_per_path",
            "folder_id",
            "path",
            unique=True,
            sqlite_where=text("missing_since IS NULL"),
            postgresql_where=text("missing_since IS NULL"),
        ),
        Index(None, "image_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    folder_id: Mapped[int] = mapped_column(ForeignKey("folder.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    path: Mapped[str] = mapped_column(Text)  # relative to the folder, with slashes; a record is "file.bin#17"
    record: Mapped[int | None]  # the number of the record within a binary file, from 0
    size: Mapped[int]  # of the file, in bytes
    mtime_ns: Mapped[int]  # of the file when it was read
    missing_since: Mapped[datetime | None]


class Unreadable(Table):
    """A file of a folder that could not be read, and why."""

    __tablename__ = "unreadable"
    __table_args__ = (UniqueConstraint("folder_id", "path"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    folder_id: Mapped[int] = mapped_column(ForeignKey("folder.id"))
    path: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    noticed_at: Mapped[datetime] = mapped_column(default=now)


class LabelClass(Table):
    """What an image of a pool can be labelled as."""

    __tablename__ = "class"
    __table_args__ = (UniqueConstraint("pool_id", "name_key"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    name: Mapped[str] = mapped_column(String(100))
    name_key: Mapped[str] = mapped_column(String(400))
    # The class whose verdicts these are now; a class that was merged is no longer listed.
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("class.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Encoder(Table):
    """A published encoder artifact, known by its manifest's digest."""

    __tablename__ = "encoder"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64), unique=True)  # SHA-256 of manifest.json
    dimension: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(default=now)


class IndexVersion(Table):
    """The vectors of a pool's images under one encoder, built once, never changed."""

    __tablename__ = "index_version"
    __table_args__ = (Index(None, "pool_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    encoder_id: Mapped[int] = mapped_column(ForeignKey("encoder.id"))
    artifact: Mapped[str] = mapped_column(String(200), unique=True)  # the name of its folder under home/indexes
    count: Mapped[int] = mapped_column(Integer)
    checks: Mapped[dict[str, Any] | None]  # what it was found to be before it could be served
    removed_at: Mapped[datetime | None]  # its folder is gone; the row stays, for what was decided by it
    created_at: Mapped[datetime] = mapped_column(default=now)


class Served(Table):
    """The one index version that new reviews of a pool use."""

    __tablename__ = "served"
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), primary_key=True)
    index_version_id: Mapped[int] = mapped_column(ForeignKey("index_version.id"))
    since: Mapped[datetime] = mapped_column(default=now)


class Review(Table):
    """One annotator's work on one class of one pool, from a query, on a pinned index version."""

    __tablename__ = "review"
    __table_args__ = (
        Index(None, "pool_id"),
        Index(None, "class_id"),
        CheckConstraint("kind IN ('first', 'second')", name="kind"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(
        String(8), default=FIRST
    )  # whether it looks for images, or at what others accepted
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    class_id: Mapped[int] = mapped_column(ForeignKey("class.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    index_version_id: Mapped[int] = mapped_column(ForeignKey("index_version.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class ReviewQuery(Table):
    """One example that a review starts from, wanted or unwanted: an image of the pool or an upload, or a part of it."""

    __tablename__ = "review_query"
    __table_args__ = (CheckConstraint("(image_id IS NULL) <> (upload_sha256 IS NULL)", name="one_source"),)
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    image_id: Mapped[int | None] = mapped_column(ForeignKey("image.id"))
    upload_sha256: Mapped[str | None] = mapped_column(String(64))
    wanted: Mapped[bool] = mapped_column(default=True)
    crop: Mapped[dict[str, Any] | None]  # left, top, width, height, in parts of the whole picture; null is all of it
    # Float32, little-endian, of unit length; null where it is the one that the pinned index version holds.
    vector: Mapped[bytes | None] = mapped_column(LargeBinary)


class Lot(Table):
    """The first so many of an order, to be accepted together by a random sample. Fixed before the sample is drawn."""

    __tablename__ = "lot"
    __table_args__ = (Index(None, "review_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    size: Mapped[int] = mapped_column(Integer)
    looks: Mapped[list[int]]  # how many images have been seen by the end of each look, fixed beforehand
    confidence: Mapped[float]  # of everything that may be stated about this lot, all looks together
    bound: Mapped[float | None]  # the share of matches that was stated when the rest was accepted
    given_up_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class LotImage(Table):
    """One image of a lot. The positions are a random order: the sample is those from 0 on."""

    __tablename__ = "lot_image"
    lot_id: Mapped[int] = mapped_column(ForeignKey("lot.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    score: Mapped[float]


class Page(Table):
    """The candidates shown at once. It is open unless a commit of it is in force, or it was set aside."""

    __tablename__ = "page"
    __table_args__ = (
        UniqueConstraint("review_id", "number"),
        Index(None, "lot_id"),
        # Only open pages are leased, so this stays as small as they are few.
        Index(
            "leased_pages",
            "leased_until",
            sqlite_where=text("leased_until IS NOT NULL"),
            postgresql_where=text("leased_until IS NOT NULL"),
        ),
        CheckConstraint("kind IN ('next', 'deeper', 'like', 'sample', 'second')", name="kind"),
        CheckConstraint("(kind = 'sample') = (lot_id IS NOT NULL)", name="a_sample_is_of_a_lot"),
        CheckConstraint("(kind = 'like') = (like_image_id IS NOT NULL)", name="like_which"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    number: Mapped[int] = mapped_column(Integer)  # from 1, in the order of making
    kind: Mapped[str] = mapped_column(String(8), default=NEXT)
    skipped: Mapped[int] = mapped_column(Integer, default=0)  # images that came before it in the order, undecided
    lot_id: Mapped[int | None] = mapped_column(ForeignKey("lot.id"))
    like_image_id: Mapped[int | None] = mapped_column(ForeignKey("image.id"))
    set_aside_at: Mapped[datetime | None]
    leased_until: Mapped[datetime | None]  # until then nobody else is shown its candidates
    created_at: Mapped[datetime] = mapped_column(default=now)


class PageCandidate(Table):
    """One tile of a page, as it was shown, or one image of a stack beneath a tile."""

    __tablename__ = "page_candidate"
    __table_args__ = (Index(None, "image_id"),)
    page_id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    score: Mapped[float]
    planted: Mapped[bool] = mapped_column(default=False)  # known not to match: shown to see whether it is caught
    beneath: Mapped[int | None] = mapped_column(Integer)  # the position of the tile on top of the stack


class Commit(Table):
    """One entry of the journal: a page turned into verdicts, a lot's rest, a correction, imported labels, an undo."""

    __tablename__ = "commit"
    __table_args__ = (
        CheckConstraint("kind IN ('page', 'lot', 'correction', 'settlement', 'import', 'undo')", name="kind"),
        CheckConstraint("(kind = 'undo') = (undoes_id IS NOT NULL)", name="undo_names_what_it_undoes"),
        UniqueConstraint("page_id", "key"),
        # Whatever happens at once, a page has one commit in force: each undo allows one more.
        UniqueConstraint("page_id", "generation"),
        Index(None, "review_id"),
        Index(None, "class_id"),
        Index(None, "lot_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    class_id: Mapped[int] = mapped_column(ForeignKey("class.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    review_id: Mapped[int | None] = mapped_column(ForeignKey("review.id"))
    index_version_id: Mapped[int | None] = mapped_column(ForeignKey("index_version.id"))  # that the review worked on
    page_id: Mapped[int | None] = mapped_column(ForeignKey("page.id"))
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("commit.id"), unique=True)
    generation: Mapped[int | None] = mapped_column(Integer)  # how often the page had been undone before
    key: Mapped[str | None] = mapped_column(String(200))  # the client's name for this commit
    body_digest: Mapped[str | None] = mapped_column(String(64))  # tells a repetition from another commit
    answer: Mapped[dict[str, Any] | None]  # what was answered, and is answered to a repetition
    milliseconds: Mapped[int | None]  # that the page was looked at
    lot_id: Mapped[int | None] = mapped_column(ForeignKey("lot.id"))
    planted: Mapped[int | None] = mapped_column(Integer)  # known negatives on the page
    caught: Mapped[int | None] = mapped_column(Integer)  # those of them that were struck out
    created_at: Mapped[datetime] = mapped_column(default=now)


class Verdict(Table):
    """Accept, reject or unsure, of one image for one class, by one person, at one time. Never changed."""

    __tablename__ = "verdict"
    __table_args__ = (
        CheckConstraint("value IN ('accept', 'reject', 'unsure')", name="value"),
        CheckConstraint("basis IN ('seen', 'stack', 'sample')", name="basis"),
        Index(None, "commit_id"),
        Index(None, "image_id", "class_id"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    commit_id: Mapped[int] = mapped_column(ForeignKey("commit.id"))
    class_id: Mapped[int] = mapped_column(ForeignKey("class.id"))
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"))
    value: Mapped[str] = mapped_column(String(8))
    basis: Mapped[str] = mapped_column(String(8), default=SEEN)  # whether it was seen itself, or what stood for it
    score: Mapped[float | None]


class Label(Table):
    """What the verdicts on an image amount to for a class. Made anew from them whenever they change."""

    __tablename__ = "label"
    # The second index alone answers what every page asks: a class's images with a verdict, the latest last.
    __table_args__ = (
        Index(None, "image_id"),
        Index(None, "class_id", "value", "verdict_id", "image_id"),
        Index(
            "disputed_labels",
            "class_id",
            "verdict_id",
            sqlite_where=text("disputed"),
            postgresql_where=text("disputed"),
        ),
    )
    class_id: Mapped[int] = mapped_column(ForeignKey("class.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("image.id"), primary_key=True)
    verdict_id: Mapped[int] = mapped_column(ForeignKey("verdict.id"))
    value: Mapped[str] = mapped_column(String(8))  # a verdict's value, or "open" while the pool's rule wants more
    disputed: Mapped[bool] = mapped_column(default=False)  # people differ, and nobody has settled it


class Job(Table):
    """Long work: what was asked, how far it is, how it ended."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'stopped')", name="state"),
        # A second click finds the first one's job instead of starting another.
        Index(
            "one_active_job_per_kind",
            "kind",
            "pool_id",
            unique=True,
            sqlite_where=text("state IN ('queued', 'running')"),
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # "import", "reindex", "compare", "pretrain"
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))  # who asked for it
    state: Mapped[str] = mapped_column(String(8), default=QUEUED)
    arguments: Mapped[dict[str, Any]]
    phase: Mapped[str | None] = mapped_column(String(100))  # what is being done, in one or two words
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int | None]
    figures: Mapped[dict[str, Any] | None]  # what is measured while it goes on
    error: Mapped[str | None] = mapped_column(Text)  # a sentence
    result: Mapped[dict[str, Any] | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)  # since it last got further
    lease_until: Mapped[datetime | None]  # a running job whose lease ran out is taken up again
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class JournalEntry(Table):
    """Something that somebody did: a commit, or an act that gives no verdicts. Never changed."""

    __tablename__ = "journal"
    __table_args__ = (Index(None, "pool_id", "id"), Index(None, "person_id", "id"), Index(None, "commit_id"))
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    act: Mapped[str] = mapped_column(String(32))  # "page", "undo", "rename-class", "serve", "log-in", ...
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    pool_id: Mapped[int | None] = mapped_column(ForeignKey("pool.id"))
    class_id: Mapped[int | None] = mapped_column(ForeignKey("class.id"))
    commit_id: Mapped[int | None] = mapped_column(ForeignKey("commit.id"))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    details: Mapped[dict[str, Any] | None]  # what the act was told, such as the old and the new name
