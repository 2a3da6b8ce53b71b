"""People with passwords, members, leases, rules, second reviews, merged classes, checked versions, the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    _make_tables()
    sqlite = op.get_bind().dialect.name == "sqlite"
    number, moment = ("INTEGER", "DATETIME") if sqlite else ("BIGINT", "TIMESTAMP WITH TIME ZONE")
    for table, column in [
        ("person", "admin BOOLEAN DEFAULT FALSE NOT NULL"),
        ("person", "password_hash VARCHAR(200)"),
        ("person", f"removed_at {moment}"),
        (
            "pool",
            "rule VARCHAR(8) DEFAULT 'latest' NOT NULL CONSTRAINT ck_pool_rule "
            "CHECK (rule IN ('latest', 'first', 'majority', 'lead'))",
        ),
        (
            "pool",
            "majority_of INTEGER CONSTRAINT ck_pool_majority_of_how_many "
            "CHECK ((rule = 'majority') = (majority_of IS NOT NULL))",
        ),
        ("class", f"merged_into_id {number} CONSTRAINT fk_class_merged_into_id REFERENCES class (id)"),
        ("index_version", "checks JSON"),
        ("index_version", f"removed_at {moment}"),
        (
            "review",
            "kind VARCHAR(8) DEFAULT 'first' NOT NULL CONSTRAINT ck_review_kind CHECK (kind IN ('first', 'second'))",
        ),
        ("page", f"leased_until {moment}"),
        ("label", "disputed BOOLEAN DEFAULT FALSE NOT NULL"),
        ("job", f"person_id {number} CONSTRAINT fk_job_person_id REFERENCES person (id)"),
        (
            "commit",
            f"index_version_id {number} CONSTRAINT fk_commit_index_version_id REFERENCES index_version (id)",
        ),
    ]:
        op.execute(f'ALTER TABLE "{table}" ADD COLUMN {column}')
    op.create_index(
        "disputed_labels",
        "label",
        ["class_id", "verdict_id"],
        sqlite_where=sa.text("disputed"),
        postgresql_where=sa.text("disputed"),
    )
    op.create_index(
        "leased_pages",
        "page",
        ["leased_until"],
        sqlite_where=sa.text("leased_until IS NOT NULL"),
        postgresql_where=sa.text("leased_until IS NOT NULL"),
    )
    kinds = "kind IN ('page', 'lot', 'correction', 'settlement', 'import', 'undo')"
    if sqlite:
        # It can only copy the table with its rows; the copy leaves out checks, which are made anew.
        with op.batch_alter_table("commit", recreate="always") as commit:
            commit.create_check_constraint(op.f("ck_commit_kind"), kinds)
            commit.create_check_constraint(
                op.f("ck_commit_undo_names_what_it_undoes"), "(kind = 'undo') = (undoes_id IS NOT NULL)"
            )
    else:
        op.drop_constraint(op.f("ck_commit_kind"), "commit", type_="check")
        op.create_check_constraint(op.f("ck_commit_kind"), "commit", kinds)
    op.execute(
        'UPDATE "commit" SET index_version_id = '
        "(SELECT review.index_version_id FROM review WHERE review.id = \"commit\".review_id) WHERE kind <> 'undo'"
    )
    # What was done so far is in the journal too.
    op.execute(
        "INSERT INTO journal (at, act, person_id, pool_id, class_id, commit_id) "
        'SELECT created_at, kind, person_id, pool_id, class_id, id FROM "commit" ORDER BY id'
    )


def _make_tables() -> None:
    op.create_table(
        "log_in",
        sa.Column("id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("last_seen_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_log_in_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_in")),
        sa.UniqueConstraint("digest", name=op.f("uq_log_in_digest")),
    )
    op.create_index(op.f("ix_log_in_person_id"), "log_in", ["person_id"])
    op.create_table(
        "log_in_attempt",
        sa.Column("id", Id, nullable=False),
        sa.Column("name_key", sa.String(length=400), nullable=False),
        sa.Column("address", sa.String(length=100), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_in_attempt")),
    )
    op.create_index(op.f("ix_log_in_attempt_name_key_at"), "log_in_attempt", ["name_key", "at"])
    op.create_index(op.f("ix_log_in_attempt_address_at"), "log_in_attempt", ["address", "at"])
    op.create_table(
        "token",
        sa.Column("id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=True),
        sa.Column("last_used_at", Moment, nullable=True),
        sa.Column("revoked_at", Moment, nullable=True),
        sa.CheckConstraint("role IN ('annotator', 'lead', 'engineer', 'admin')", name=op.f("ck_token_role")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_token_digest")),
    )
    op.create_index(op.f("ix_token_person_id"), "token", ["person_id"])
    op.create_table(
        "member",
        sa.Column("pool_id", Id, nullable=False),
        sa.Column("person_id", Id, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.CheckConstraint("role IN ('annotator', 'lead', 'engineer')", name=op.f("ck_member_role")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_member_person_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_member_pool_id")),
        sa.PrimaryKeyConstraint("pool_id", "person_id", name=op.f("pk_member")),
    )
    op.create_index(op.f("ix_member_person_id"), "member", ["person_id"])
    op.create_table(
        "journal",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("act", sa.String(length=32), nullable=False),
        sa.Column("person_id", Id, nullable=True),
        sa.Column("pool_id", Id, nullable=True),
        sa.Column("class_id", Id, nullable=True),
        sa.Column("commit_id", Id, nullable=True),
        sa.Column("job_id", Id, nullable=True),
        sa.Column("details", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["class_id"], ["class.id"], name=op.f("fk_journal_class_id")),
        sa.ForeignKeyConstraint(["commit_id"], ["commit.id"], name=op.f("fk_journal_commit_id")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_journal_job_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_journal_person_id")),
        sa.ForeignKeyConstraint(["pool_id"], ["pool.id"], name=op.f("fk_journal_pool_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    op.create_index(op.f("ix_journal_pool_id_id"), "journal", ["pool_id", "id"])
    op.create_index(op.f("ix_journal_person_id_id"), "journal", ["person_id", "id"])
    op.create_index(op.f("ix_journal_commit_id"), "journal", ["commit_id"])
