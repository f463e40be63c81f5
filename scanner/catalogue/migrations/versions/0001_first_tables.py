"""The first tables: runs, models, observations, declarations, verdicts, pending reads, blobs, problems."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the catalogue up to this revision."""
    op.create_table(
        "blob",
        sa.Column("digest", sa.String(length=96), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("estimate", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_blob")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("deep", sa.String(), nullable=False),
        sa.Column("tool_version", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("cursor_at", sa.DateTime(), nullable=True),
        sa.Column("listing_done", sa.Boolean(), nullable=False),
        sa.Column("sweep", sa.Boolean(), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("deep_reads", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("unanswered", sa.Integer(), nullable=False),
        sa.Column("requests", sa.JSON(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("footprint", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_series"), ["series"], unique=False)
        batch_op.create_index(batch_op.f("ix_run_state"), ["state"], unique=False)

    op.create_table(
        "model",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("last_modified", sa.DateTime(), nullable=True),
        sa.Column("sha", sa.String(), nullable=True),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.Column("likes", sa.BigInteger(), nullable=False),
        sa.Column("first_run", sa.Integer(), nullable=False),
        sa.Column("last_run", sa.Integer(), nullable=False),
        sa.Column("count_looked", sa.String(), nullable=True),
        sa.Column("texts_looked", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["first_run"], ["run.id"], name=op.f("fk_model_first_run")),
        sa.ForeignKeyConstraint(["last_run"], ["run.id"], name=op.f("fk_model_last_run")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_model")),
    )
    with op.batch_alter_table("model", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_model_name"), ["name"], unique=False)

    op.create_table(
        "problem",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_problem_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_problem")),
    )
    with op.batch_alter_table("problem", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_problem_run_id"), ["run_id"], unique=False)

    op.create_table(
        "member",
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("model_key", sa.String(length=64), nullable=False),
        sa.Column("since_run", sa.Integer(), nullable=False),
        sa.Column("last_run", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["last_run"], ["run.id"], name=op.f("fk_member_last_run")),
        sa.ForeignKeyConstraint(["model_key"], ["model.key"], name=op.f("fk_member_model_key")),
        sa.ForeignKeyConstraint(["series"], ["run.id"], name=op.f("fk_member_series")),
        sa.ForeignKeyConstraint(["since_run"], ["run.id"], name=op.f("fk_member_since_run")),
        sa.PrimaryKeyConstraint("series", "model_key", "since_run", name=op.f("pk_member")),
    )
    op.create_table(
        "observation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_key", sa.String(length=64), nullable=False),
        sa.Column("since_run", sa.Integer(), nullable=False),
        sa.Column("until_run", sa.Integer(), nullable=True),
        sa.Column("observed_at", sa.DateTime(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha", sa.String(), nullable=True),
        sa.Column("distribution", sa.String(), nullable=False),
        sa.Column("gated", sa.String(), nullable=True),
        sa.Column("adapter", sa.Boolean(), nullable=False),
        sa.Column("base_model", sa.Text(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("point", sa.BigInteger(), nullable=True),
        sa.Column("high", sa.BigInteger(), nullable=True),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.Column("stored_elements", sa.BigInteger(), nullable=True),
        sa.Column("buffers", sa.BigInteger(), nullable=True),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("declared_total", sa.BigInteger(), nullable=True),
        sa.Column("declared_sum", sa.BigInteger(), nullable=True),
        sa.Column("components", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("restriction_status", sa.String(), nullable=False),
        sa.Column("restriction_read", sa.JSON(), nullable=False),
        sa.Column("country_asked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["model_key"], ["model.key"], name=op.f("fk_observation_model_key")),
        sa.ForeignKeyConstraint(["since_run"], ["run.id"], name=op.f("fk_observation_since_run")),
        sa.ForeignKeyConstraint(["until_run"], ["run.id"], name=op.f("fk_observation_until_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
    )
    with op.batch_alter_table("observation", schema=None) as batch_op:
        batch_op.create_index("ix_observation_current", ["model_key", "until_run"], unique=False)
        batch_op.create_index(batch_op.f("ix_observation_since_run"), ["since_run"], unique=False)

    op.create_table(
        "pending_read",
        sa.Column("model_key", sa.String(length=64), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("downloads", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Boolean(), nullable=False),
        sa.Column("texts", sa.Boolean(), nullable=False),
        sa.Column("work", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["model_key"], ["model.key"], name=op.f("fk_pending_read_model_key")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_pending_read_run_id")),
        sa.PrimaryKeyConstraint("model_key", name=op.f("pk_pending_read")),
    )
    with op.batch_alter_table("pending_read", schema=None) as batch_op:
        batch_op.create_index("ix_pending_read_order", ["run_id", "downloads", "model_key"], unique=False)

    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_key", sa.String(length=64), nullable=False),
        sa.Column("regulation", sa.String(), nullable=False),
        sa.Column("since_run", sa.Integer(), nullable=False),
        sa.Column("until_run", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("status_ignoring_declarations", sa.String(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("margin", sa.Float(), nullable=True),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["model_key"], ["model.key"], name=op.f("fk_verdict_model_key")),
        sa.ForeignKeyConstraint(["since_run"], ["run.id"], name=op.f("fk_verdict_since_run")),
        sa.ForeignKeyConstraint(["until_run"], ["run.id"], name=op.f("fk_verdict_until_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
    )
    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.create_index("ix_verdict_current", ["model_key", "regulation", "until_run"], unique=False)
        batch_op.create_index(batch_op.f("ix_verdict_since_run"), ["since_run"], unique=False)

    op.create_table(
        "declaration",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("observation_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("excluded", sa.JSON(), nullable=False),
        sa.Column("limited_to", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=True),
        sa.Column("end", sa.Integer(), nullable=True),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("inherited_from", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["observation_id"], ["observation.id"], name=op.f("fk_declaration_observation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration")),
    )
    with op.batch_alter_table("declaration", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_declaration_observation_id"), ["observation_id"], unique=False)


def downgrade() -> None:
    """Take this revision back."""
    with op.batch_alter_table("declaration", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_declaration_observation_id"))

    op.drop_table("declaration")
    with op.batch_alter_table("verdict", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_verdict_since_run"))
        batch_op.drop_index("ix_verdict_current")

    op.drop_table("verdict")
    with op.batch_alter_table("pending_read", schema=None) as batch_op:
        batch_op.drop_index("ix_pending_read_order")

    op.drop_table("pending_read")
    with op.batch_alter_table("observation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_observation_since_run"))
        batch_op.drop_index("ix_observation_current")

    op.drop_table("observation")
    op.drop_table("member")
    with op.batch_alter_table("problem", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_problem_run_id"))

    op.drop_table("problem")
    with op.batch_alter_table("model", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_model_name"))

    op.drop_table("model")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_state"))
        batch_op.drop_index(batch_op.f("ix_run_series"))

    op.drop_table("run")
    op.drop_table("blob")
