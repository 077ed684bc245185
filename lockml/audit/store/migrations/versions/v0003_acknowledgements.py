"""Groups of findings, acknowledgements, and requested runs."""

import sqlalchemy as sa
from alembic import op

from lockml.audit.findings import group_of
from lockml.audit.model import Finding

revision = "0003"
down_revision = "0002"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN = "resolved_by IS NULL"
_GROUP = ("kind", "package", "locked", "found")
_SHOWN = ("severity", "acknowledged", "opened", "resolved_by")
_BATCH = 1000


def upgrade() -> None:
    """Add the columns, fill them for open findings, and create the tables."""
    for column in (
        sa.Column("package", sa.String(length=100)),
        sa.Column("locked", sa.String(length=50)),
        sa.Column("found", sa.String(length=50)),
        sa.Column("acknowledged", _KEY),
    ):
        op.add_column("findings", column)
    _fill()
    for name, columns in (
        ("open_by_group", (*_GROUP, "target", *_SHOWN)),
        ("open_by_target", ("target", *_GROUP, *_SHOWN)),
    ):
        where = sa.text(_OPEN)
        op.create_index(name, "findings", list(columns), sqlite_where=where, postgresql_where=where)
    where = sa.text("resolved_by IS NOT NULL")
    resolved = ["target", "kind", "severity", "resolved_by"]
    op.create_index("resolved_kinds", "findings", resolved, sqlite_where=where, postgresql_where=where)
    _make_tables()


def _fill() -> None:
    connection = op.get_bind()
    table = sa.table(
        "findings",
        *(sa.column(name) for name in ("id", "resolved_by", "package", "locked", "found")),
        sa.column("finding", sa.JSON()),
    )
    filled = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("number"))
        .values({name: sa.bindparam(f"new_{name}") for name in ("package", "locked", "found")})
    )
    numbers = connection.execute(sa.select(table.c.id).where(table.c.resolved_by.is_(None))).scalars().all()
    for first in range(0, len(numbers), _BATCH):
        some = numbers[first : first + _BATCH]
        rows = connection.execute(sa.select(table.c.id, table.c.finding).where(table.c.id.in_(some))).all()
        groups = [(row.id, group_of(Finding(**row.finding))) for row in rows]
        values = [
            {"number": number, "new_package": group.package, "new_locked": group.locked, "new_found": group.found}
            for number, group in groups
        ]
        connection.execute(filled, values)


def _make_tables() -> None:
    op.create_table(
        "acknowledgements",
        sa.Column("id", _KEY, autoincrement=True, nullable=False),
        sa.Column("target", sa.String(length=400)),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("package", sa.String(length=100), nullable=False),
        sa.Column("locked", sa.String(length=50)),
        sa.Column("found", sa.String(length=50)),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "acknowledged",
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("acknowledgement", _KEY, nullable=False),
        sa.ForeignKeyConstraint(["acknowledgement"], ["acknowledgements.id"]),
        sa.PrimaryKeyConstraint("fingerprint", "acknowledgement"),
    )
    op.create_table(
        "requests",
        sa.Column("target", sa.String(length=400), nullable=False),
        sa.Column("tick", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("target"),
    )
