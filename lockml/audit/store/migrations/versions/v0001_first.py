"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    _make_targets()
    _make_runs()
    _make_findings()
    _make_work()


def _make_targets() -> None:
    """Create the tables of targets and contents."""
    op.create_table(
        "targets",
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("lock", sa.Text(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("host", sa.Text()),
        sa.Column("definition", sa.JSON()),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "contents",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )


def _make_runs() -> None:
    """Create the table of runs."""
    op.create_table(
        "runs",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("target", sa.String(length=400), nullable=False),
        sa.Column("tick", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("image", sa.Text()),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("warnings", sa.Integer(), nullable=False),
        sa.Column("notes", sa.Integer(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("resolved", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("document", sa.String(length=64), nullable=False),
        sa.Column("lock", sa.String(length=64)),
        sa.ForeignKeyConstraint(["document"], ["contents.sha256"]),
        sa.ForeignKeyConstraint(["lock"], ["contents.sha256"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("target", "tick", name="one_run_a_tick"),
        sqlite_autoincrement=True,
    )
    op.create_index("runs_by_time", "runs", ["target", "id"], unique=False)
    op.create_index("runs_by_state", "runs", ["target", "state", "tick"], unique=False)
    op.create_index("runs_by_age", "runs", ["finished"], unique=False)
    op.create_index("runs_by_document", "runs", ["document"], unique=False)
    op.create_index("runs_by_lock", "runs", ["lock"], unique=False)


def _make_findings() -> None:
    """Create the table of findings."""
    op.create_table(
        "findings",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("target", sa.String(length=400), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("finding", sa.JSON(), nullable=False),
        sa.Column("opened_by", _KEY, nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_by", _KEY),
        sa.Column("resolved", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("findings_by_name", "findings", ["name"], unique=False)
    op.create_index("findings_by_target", "findings", ["target", "id"], unique=False)
    op.create_index(
        "one_open_finding",
        "findings",
        ["target", "fingerprint"],
        unique=True,
        sqlite_where=sa.text("resolved_by IS NULL"),
        postgresql_where=sa.text("resolved_by IS NULL"),
    )


def _make_work() -> None:
    """Create the tables of claims and messages."""
    op.create_table(
        "claims",
        sa.Column("target", sa.String(length=400), nullable=False),
        sa.Column("tick", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("target", "tick"),
    )
    op.create_table(
        "messages",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("address", sa.Integer(), nullable=False),
        sa.Column("run", _KEY, nullable=False),
        sa.Column("target", sa.String(length=400), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("rule", "address", "run", name="one_message_a_run"),
    )
    op.create_index("messages_by_due", "messages", ["sent", "due"], unique=False)
