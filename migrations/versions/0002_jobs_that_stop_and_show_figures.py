"""Jobs that are stopped, and figures of running ones."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # SQLite cannot change a constraint in place: there the table is copied with its rows and its index, and the copy
    # leaves out checks.
    state = op.f("ck_job_state")
    with op.batch_alter_table("job") as job:
        job.add_column(sa.Column("figures", sa.JSON(), nullable=True))
        if op.get_bind().dialect.name != "sqlite":
            job.drop_constraint(state, type_="check")
        job.create_check_constraint(state, "state IN ('queued', 'running', 'done', 'failed', 'stopped')")
