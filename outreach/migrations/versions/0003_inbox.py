"""Keep what comes back by mail, how far mailboxes are read, and what events say of it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BEFORE = (
    "sent", "deferred", "rejected", "failed", "bounced", "complained", "clicked", "unsubscribed", "autoresponded",
    "uncertain", "settled",
)  # fmt: skip
TOLD = "kind IN ('bounced', 'complained', 'autoresponded', 'delivered', 'answered')"
UNJUDGED = "kind = 'rejected' AND klass IS NULL"
OPEN = "state IN ('new', 'waiting')"


def words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    op.create_table(
        "inbox_mailbox",
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("uid_validity", BIG, nullable=False),
        sa.Column("last_uid", BIG, nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "inbox_message",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(16), nullable=False),
        sa.Column("source", sa.String(length=24), nullable=False),
        sa.Column("place", sa.String(length=400), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("state", words("inbox_state", "new", "understood", "waiting", "settled"), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=True),
        sa.Column("via", words("inbox_via", "token", "message_id", "link", "reply"), nullable=True),
        sa.Column("campaign_id", BIG, nullable=True),
        sa.Column("delivery_id", BIG, nullable=True),
        sa.Column("service_id", BIG, nullable=True),
        sa.Column("lead_id", BIG, nullable=True),
        sa.Column("sender", sa.String(length=320), nullable=True),
        sa.Column("address_hash", sa.LargeBinary(16), nullable=True),
        sa.Column("subject", sa.String(length=300), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("new_address", sa.String(length=320), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["lead_id"], ["lead.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fingerprint"),
    )
    for name in ("address_hash", "delivery_id", "lead_id", "place"):
        op.create_index(f"ix_inbox_message_{name}", "inbox_message", [name])
    where = sa.text(OPEN)
    op.create_index(
        "ix_inbox_message_open", "inbox_message", ["state", "id"], sqlite_where=where, postgresql_where=where
    )

    with op.batch_alter_table("event") as batch:
        batch.alter_column(
            "kind",
            existing_type=words("event_kind", *BEFORE),
            type_=words("event_kind", *BEFORE, "delivered", "answered"),
            existing_nullable=False,
        )
        batch.add_column(sa.Column("klass", sa.String(length=12), nullable=True))
        batch.add_column(sa.Column("reason", sa.String(length=24), nullable=True))
        batch.add_column(sa.Column("inbox_id", BIG, nullable=True))
        batch.create_foreign_key("fk_event_inbox", "inbox_message", ["inbox_id"], ["id"], ondelete="SET NULL")
    told, unjudged = sa.text(TOLD), sa.text(UNJUDGED)
    columns = ["delivery_id", "kind", "klass", "reason"]
    op.create_index("uq_event_told", "event", columns, unique=True, sqlite_where=told, postgresql_where=told)
    op.create_index("ix_event_unjudged", "event", ["delivery_id"], sqlite_where=unjudged, postgresql_where=unjudged)
