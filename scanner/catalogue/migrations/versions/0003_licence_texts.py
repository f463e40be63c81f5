"""Licence texts by their digests, and how many models' texts a run read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalogue up to this revision."""
    # Plain ALTER TABLE: a batch would copy the table, to which others refer.
    for name in ("texts_read", "texts_ranked"):
        op.add_column("run", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "licence_text",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.Column("last_run", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["last_run"], ["run.id"], name=op.f("fk_licence_text_last_run")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_licence_text")),
    )
