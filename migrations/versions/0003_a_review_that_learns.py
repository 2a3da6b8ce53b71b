"""Lots, kinds of pages, what verdicts rest on, planted negatives, stacks, and queries of several kinds."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "lot",
        sa.Column("id", Id, nullable=False),
        sa.Column("review_id", Id, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("looks", sa.JSON(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("bound", sa.Double(), nullable=True),
        sa.Column("given_up_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_lot_review_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot")),
    )
    op.create_index(op.f("ix_lot_review_id"), "lot", ["review_id"], unique=False)
    op.create_table(
        "lot_image",
        sa.Column("lot_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("image_id", Id, nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_lot_image_image_id")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_lot_image_lot_id")),
        sa.PrimaryKeyConstraint("lot_id", "position", name=op.f("pk_lot_image")),
    )

    # In plain SQL, which both databases understand: SQLite adds a column with its constraint in place, where Alembic
    # would copy the table.
    sqlite = op.get_bind().dialect.name == "sqlite"
    number, moment = ("INTEGER", "DATETIME") if sqlite else ("BIGINT", "TIMESTAMP WITH TIME ZONE")
    for table, column in [
        (
            "page",
            "kind VARCHAR(8) DEFAULT 'next' NOT NULL CONSTRAINT ck_page_kind "
            "CHECK (kind IN ('next', 'deeper', 'like', 'sample', 'second'))",
        ),
        ("page", "skipped INTEGER DEFAULT 0 NOT NULL"),
        ("page", f"lot_id {number} CONSTRAINT fk_page_lot_id REFERENCES lot (id)"),
        ("page", f"like_image_id {number} CONSTRAINT fk_page_like_image_id REFERENCES image (id)"),
        ("page", f"set_aside_at {moment}"),
        ("page_candidate", "planted BOOLEAN DEFAULT FALSE NOT NULL"),
        ("page_candidate", "beneath INTEGER"),
        (
            "verdict",
            "basis VARCHAR(8) DEFAULT 'seen' NOT NULL CONSTRAINT ck_verdict_basis "
            "CHECK (basis IN ('seen', 'stack', 'sample'))",
        ),
        ("review_query", "wanted BOOLEAN DEFAULT TRUE NOT NULL"),
        ("review_query", "crop JSON"),
        ("commit", f"lot_id {number} CONSTRAINT fk_commit_lot_id REFERENCES lot (id)"),
        ("commit", "planted INTEGER"),
        ("commit", "caught INTEGER"),
    ]:
        op.execute(f'ALTER TABLE "{table}" ADD COLUMN {column}')

    kinds = "kind IN ('page', 'lot', 'correction', 'import', 'undo')"
    undoing = "(kind = 'undo') = (undoes_id IS NOT NULL)"
    if not sqlite:
        op.drop_constraint(op.f("ck_commit_kind"), "commit", type_="check")
        op.create_check_constraint(op.f("ck_commit_kind"), "commit", kinds)
        op.create_check_constraint(
            op.f("ck_page_a_sample_is_of_a_lot"), "page", "(kind = 'sample') = (lot_id IS NOT NULL)"
        )
        op.create_check_constraint(op.f("ck_page_like_which"), "page", "(kind = 'like') = (like_image_id IS NOT NULL)")
        _index_lots()
        return
    # SQLite can only copy the tables with their rows; the copies leave out checks, which are made anew.
    with op.batch_alter_table("commit", recreate="always") as commit:
        commit.create_check_constraint(op.f("ck_commit_kind"), kinds)
        commit.create_check_constraint(op.f("ck_commit_undo_names_what_it_undoes"), undoing)
    with op.batch_alter_table("page", recreate="always") as page:
        page.create_check_constraint(op.f("ck_page_kind"), "kind IN ('next', 'deeper', 'like', 'sample', 'second')")
        page.create_check_constraint(op.f("ck_page_a_sample_is_of_a_lot"), "(kind = 'sample') = (lot_id IS NOT NULL)")
        page.create_check_constraint(op.f("ck_page_like_which"), "(kind = 'like') = (like_image_id IS NOT NULL)")
    _index_lots()


def _index_lots() -> None:
    op.create_index(op.f("ix_page_lot_id"), "page", ["lot_id"], unique=False)
    op.create_index(op.f("ix_commit_lot_id"), "commit", ["lot_id"], unique=False)
