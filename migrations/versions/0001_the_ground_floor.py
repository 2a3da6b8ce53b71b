"""The ground floor."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "encoder",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("dimension", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encoder")),
        sa.UniqueConstraint("digest", name=op.f("uq_encoder_digest")),
    )
    op.create_table(
        "image",
        sa.Column("id", Id, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(length=16), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image")),
        sa.UniqueConstraint("sha256", name=op.f("uq_image_sha256")),
    )
    op.create_table(
        "person",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=400), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("name_key", name=op.f("uq_person_name_key")),
    )
    op.create_table(
        "pool",
        sa.Column("id", Id, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=400), nullable=False),
        sa.Column("classes_per_image", sa.String(length=8), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint("classes_per_image IN ('one', 'several')", name=op.f("ck_pool_classes_per_image")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pool")),
        sa.UniqueConstraint("name_key", name=op.f("uq_pool_name_key")),
    )
    op.create_table(
        "class",
        sa.Column("id", Id, nullable=False),
        sa.Column("pool_id", Id, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=400), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_class_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class")),
        sa.UniqueConstraint("pool_id", "name_key", name=op.f("uq_class_pool_id_name_key")),
    )
    op.create_table(
        "folder",
        sa.Column("id", Id, nullable=False),
        sa.Column("pool_id", Id, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_folder_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folder")),
        sa.UniqueConstraint("pool_id", "location", name=op.f("uq_folder_pool_id_location")),
    )
    op.create_table(
        "index_version",
        sa.Column("id", Id, nullable=False),
        sa.Column("pool_id", Id, nullable=False),
        sa.Column("encoder_id", Id, nullable=False),
        sa.Column("artifact", sa.String(length=200), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["encoder_id"], ["encoder.id"], name=op.f("fk_index_version_encoder_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_index_version_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_version")),
        sa.UniqueConstraint("artifact", name=op.f("uq_index_version_artifact")),
    )
    op.create_index(op.f("ix_index_version_pool_id"), "index_version", ["pool_id"], unique=False)

    op.create_table(
        "job",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("pool_id", Id, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("phase", sa.String(length=100), nullable=True),
        sa.Column("done", Id, nullable=False),
        sa.Column("total", Id, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("started_at", Moment, nullable=True),
        sa.Column("ended_at", Moment, nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_job_state")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_job_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index(
        "one_active_job_per_kind",
        "job",
        ["kind", "pool_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'running')"),
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )

    op.create_table(
        "pool_image",
        sa.Column("pool_id", Id, nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_pool_image_image_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_pool_image_pool_id")),
        sa.PrimaryKeyConstraint("pool_id", "image_id", name=op.f("pk_pool_image")),
    )
    op.create_index(op.f("ix_pool_image_image_id"), "pool_image", ["image_id"], unique=False)

    op.create_table(
        "image_path",
        sa.Column("id", Id, nullable=False),
        sa.Column("folder_id", Id, nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("record", Id, nullable=True),
        sa.Column("size", Id, nullable=False),
        sa.Column("mtime_ns", Id, nullable=False),
        sa.Column("missing_since", Moment, nullable=True),
        sa.ForeignKeyConstraint(["folder_id"], ["folder.id"], name=op.f("fk_image_path_folder_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_image_path_image_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image_path")),
        sa.UniqueConstraint("folder_id", "path", "image_id", name=op.f("uq_image_path_folder_id_path_image_id")),
    )
    op.create_index(op.f("ix_image_path_image_id"), "image_path", ["image_id"], unique=False)
    op.create_index(
        "one_present_image_per_path",
        "image_path",
        ["folder_id", "path"],
        unique=True,
        sqlite_where=sa.text("missing_since IS NULL"),
        postgresql_where=sa.text("missing_since IS NULL"),
    )

    op.create_table(
        "review",
        sa.Column("id", Id, nullable=False),
        sa.Column("pool_id", Id, nullable=False),
        sa.Column("class_id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("index_version_id", Id, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["class_id"], ["class.id"], name=op.f("fk_review_class_id")),
        sa.ForeignKeyConstraint(["index_version_id"], ["index_version.id"], name=op.f("fk_review_index_version_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_review_person_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_review_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index(op.f("ix_review_class_id"), "review", ["class_id"], unique=False)
    op.create_index(op.f("ix_review_pool_id"), "review", ["pool_id"], unique=False)

    op.create_table(
        "served",
        sa.Column("pool_id", Id, nullable=False),
        sa.Column("index_version_id", Id, nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.ForeignKeyConstraint(["index_version_id"], ["index_version.id"], name=op.f("fk_served_index_version_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_served_pool_id")),
        sa.PrimaryKeyConstraint("pool_id", name=op.f("pk_served")),
    )
    op.create_table(
        "unreadable",
        sa.Column("id", Id, nullable=False),
        sa.Column("folder_id", Id, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("noticed_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["folder_id"], ["folder.id"], name=op.f("fk_unreadable_folder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unreadable")),
        sa.UniqueConstraint("folder_id", "path", name=op.f("uq_unreadable_folder_id_path")),
    )
    op.create_table(
        "page",
        sa.Column("id", Id, nullable=False),
        sa.Column("review_id", Id, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_page_review_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_page")),
        sa.UniqueConstraint("review_id", "number", name=op.f("uq_page_review_id_number")),
    )
    op.create_table(
        "review_query",
        sa.Column("review_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("image_id", Id, nullable=True),
        sa.Column("upload_sha256", sa.String(length=64), nullable=True),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("(image_id IS NULL) <> (upload_sha256 IS NULL)", name=op.f("ck_review_query_one_source")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_review_query_image_id")),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_review_query_review_id")),
        sa.PrimaryKeyConstraint("review_id", "position", name=op.f("pk_review_query")),
    )
    op.create_table(
        "commit",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("pool_id", Id, nullable=False),
        sa.Column("class_id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("review_id", Id, nullable=True),
        sa.Column("page_id", Id, nullable=True),
        sa.Column("undoes_id", Id, nullable=True),
        sa.Column("generation", sa.Integer(), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=True),
        sa.Column("body_digest", sa.String(length=64), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("milliseconds", Id, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint(
            "(kind = 'undo') = (undoes_id IS NOT NULL)", name=op.f("ck_commit_undo_names_what_it_undoes")
        ),
        sa.CheckConstraint("kind IN ('page', 'correction', 'import', 'undo')", name=op.f("ck_commit_kind")),
        sa.ForeignKeyConstraint(["class_id"], ["class.id"], name=op.f("fk_commit_class_id")),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_commit_page_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_commit_person_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_commit_pool_id")),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_commit_review_id")),
        sa.ForeignKeyConstraint(["undoes_id"], ["commit.id"], name=op.f("fk_commit_undoes_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commit")),
        sa.UniqueConstraint("page_id", "generation", name=op.f("uq_commit_page_id_generation")),
        sa.UniqueConstraint("page_id", "key", name=op.f("uq_commit_page_id_key")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_commit_undoes_id")),
    )
    op.create_index(op.f("ix_commit_class_id"), "commit", ["class_id"], unique=False)
    op.create_index(op.f("ix_commit_review_id"), "commit", ["review_id"], unique=False)

    op.create_table(
        "page_candidate",
        sa.Column("page_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_page_candidate_image_id")),
        sa.ForeignKeyConstraint(["page_id"], ["page.id"], name=op.f("fk_page_candidate_page_id")),
        sa.PrimaryKeyConstraint("page_id", "position", name=op.f("pk_page_candidate")),
    )
    op.create_index(op.f("ix_page_candidate_image_id"), "page_candidate", ["image_id"], unique=False)

    op.create_table(
        "verdict",
        sa.Column("id", Id, nullable=False),
        sa.Column("commit_id", Id, nullable=False),
        sa.Column("class_id", Id, nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("value", sa.String(length=8), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.CheckConstraint("value IN ('accept', 'reject', 'unsure')", name=op.f("ck_verdict_value")),
        sa.ForeignKeyConstraint(["class_id"], ["class.id"], name=op.f("fk_verdict_class_id")),
        sa.ForeignKeyConstraint(["commit_id"], ["commit.id"], name=op.f("fk_verdict_commit_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_verdict_image_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
    )
    op.create_index(op.f("ix_verdict_commit_id"), "verdict", ["commit_id"], unique=False)
    op.create_index(op.f("ix_verdict_image_id_class_id"), "verdict", ["image_id", "class_id"], unique=False)

    op.create_table(
        "label",
        sa.Column("class_id", Id, nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("verdict_id", Id, nullable=False),
        sa.Column("value", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["class_id"], ["class.id"], name=op.f("fk_label_class_id")),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_label_image_id")),
        sa.ForeignKeyConstraint(["verdict_id"], ["verdict.id"], name=op.f("fk_label_verdict_id")),
        sa.PrimaryKeyConstraint("class_id", "image_id", name=op.f("pk_label")),
    )
    op.create_index(
        op.f("ix_label_class_id_value_verdict_id_image_id"),
        "label",
        ["class_id", "value", "verdict_id", "image_id"],
        unique=False,
    )
    op.create_index(op.f("ix_label_image_id"), "label", ["image_id"], unique=False)

    _add_the_local_person()


def _add_the_local_person() -> None:
    # Verdicts need somebody who gives them; until people log in that is one local person.
    person = sa.table("person", sa.column("name"), sa.column("name_key"), sa.column("created_at", Moment))
    op.bulk_insert(person, [{"name": "local", "name_key": "local", "created_at": datetime.now(UTC)}])
